# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames by hand over a plain socket, for what no client library would send."""
import socket
import struct

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        '>I', stream) + payload


def fields(pairs):
    """HPACK (RFC 7541): literals without indexing or Huffman, names and values below 127 bytes."""
    out = b''
    for name, value in pairs:
        name, value = name.encode(), value.encode()
        assert len(name) < 127 and len(value) < 127
        out += b'\0' + bytes([len(name)]) + name + bytes([len(value)]) + value
    return out


def request(path, content_type='application/grpc', **more):
    pairs = [(':method', 'POST'), (':scheme', 'http'), (':path', path), (':authority', 'x'),
             ('content-type', content_type)]
    return fields(pairs + [(k.replace('_', '-'), v) for k, v in more.items()])


class Connection:
    """To the path of a Unix socket, or to (host, port)."""

    def __init__(self, address, hello=True):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.buffer = b''
        if hello:
            self.send(PREFACE + frame(SETTINGS, 0, 0))

    def send(self, data):
        self.socket.sendall(data)

    def _take(self, size):
        while len(self.buffer) < size:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError
            self.buffer += piece
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def receive(self):
        """(type, flags, stream, payload) of the next frame; EOFError at the end."""
        head = self._take(9)
        size = int.from_bytes(head[:3], 'big')
        return head[3], head[4], int.from_bytes(head[5:9], 'big'), self._take(size)

    def until(self, wanted):
        """Frames up to and with the first for which wanted(type, flags, stream) is true."""
        seen = []
        while True:
            seen.append(self.receive())
            if wanted(*seen[-1][:3]):
                return seen

    def ends(self):
        """Reads to the end of the connection; returns what came."""
        seen = []
        try:
            while True:
                seen.append(self.receive())
        except (EOFError, ConnectionResetError):
            return seen

    def ping(self):
        """True once the server has answered a PING: the connection lives."""
        self.send(frame(PING, 0, 0, b'sluice..'))
        self.until(lambda kind, flags, stream: kind == PING and flags & ACK)
        return True

    def close(self):
        self.socket.close()
