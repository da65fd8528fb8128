// SPDX-License-Identifier: Apache-2.0
//
// A camera with more to see than Chromium's test picture, whose 960x540 at 15 frames take 450 kbit/s
// only: rectangles that move and turn in front of a gradient, about 2 Mbit/s, or as much as the
// browser gives them. Each frame resembles the one before, so that the small layers of a simulcast
// keep their frame rate: an encoder leaves out frames of a picture that is noise.

// Runs in the page (lib/participant.mjs, `script`): getUserMedia then gives this for the camera.
function installBusyCamera() {
  const WIDTH = 960;
  const HEIGHT = 540;
  const THINGS = 30;
  const PIXELS = 60; // a thing's side, about
  const MARGIN = 50; // of where they turn round
  const SPEED = 10; // columns and lines a frame, at most
  const FRAMES = 15; // a second

  const between = (low, high) => low + Math.random() * (high - low);
  const thing = (_, i) => ({
    x: between(0, WIDTH),
    y: between(0, HEIGHT),
    dx: between(-SPEED, SPEED),
    dy: between(-SPEED, SPEED),
    angle: between(0, 6),
    turn: between(-0.15, 0.15),
    side: between(0.5, 1.5) * PIXELS,
    color: `hsl(${(i * 47) % 360} 70% ${30 + ((i * 13) % 50)}%)`,
  });

  const wrap = (at, size) => (at + size + 2 * MARGIN) % (size + 2 * MARGIN);

  const draw = (to, things) => {
    const sky = to.createLinearGradient(0, 0, WIDTH, HEIGHT);
    sky.addColorStop(0, "#345");
    sky.addColorStop(1, "#9ab");
    to.fillStyle = sky;
    to.fillRect(0, 0, WIDTH, HEIGHT);
    for (const t of things) {
      t.x = wrap(t.x + t.dx, WIDTH);
      t.y = wrap(t.y + t.dy, HEIGHT);
      t.angle += t.turn;
      to.save();
      to.translate(t.x - MARGIN, t.y - MARGIN);
      to.rotate(t.angle);
      to.fillStyle = t.color;
      to.fillRect(-t.side / 2, -t.side / 2, t.side, t.side);
      to.restore();
    }
  };

  const camera = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    const things = Array.from({ length: THINGS }, thing);
    const to = canvas.getContext("2d");
    setInterval(() => draw(to, things), 1000 / FRAMES);
    return canvas.captureStream(FRAMES).getVideoTracks()[0];
  };

  const original = MediaDevices.prototype.getUserMedia;
  MediaDevices.prototype.getUserMedia = async function getUserMedia(constraints) {
    const stream = await original.call(this, constraints);
    for (const video of stream.getVideoTracks()) {
      stream.removeTrack(video);
      video.stop();
      stream.addTrack(camera());
    }
    return stream;
  };
}

export const BUSY_CAMERA = `(${installBusyCamera})()`;
