# SPDX-License-Identifier: Apache-2.0
"""Statistics go by the names of the W3C's webrtc-stats, and what has none there says so.

usage: w3c_names.py SOURCE_ROOT
"""
import pathlib
import re
import sys

# Identifiers for WebRTC's Statistics API, chapter 7: members of each dictionary that we use, with
# those it inherits but for id, type, timestamp, transportId and codecId.
STREAM = "ssrc kind"
RECEIVED = STREAM + " packetsReceived packetsLost jitter"
SENT = STREAM + " packetsSent bytesSent"
W3C = {
    "TransportStats":
        # RTCTransportStats
        "packetsSent packetsReceived bytesSent bytesReceived iceRole iceLocalUsernameFragment "
        "dtlsState iceState selectedCandidatePairId localCertificateId remoteCertificateId "
        "tlsVersion dtlsCipher dtlsRole srtpCipher selectedCandidatePairChanges "
        # RTCIceCandidatePairStats
        "totalRoundTripTime currentRoundTripTime availableOutgoingBitrate "
        "availableIncomingBitrate requestsReceived requestsSent responsesReceived responsesSent "
        "consentRequestsSent packetsDiscardedOnSend bytesDiscardedOnSend",
    "InboundRtpStats":
        RECEIVED + " trackIdentifier mid remoteId framesDecoded keyFramesDecoded framesRendered "
        "framesDropped frameWidth frameHeight framesPerSecond qpSum totalDecodeTime "
        "totalInterFrameDelay totalSquaredInterFrameDelay pauseCount totalPausesDuration "
        "freezeCount totalFreezesDuration lastPacketReceivedTimestamp headerBytesReceived "
        "packetsDiscarded fecBytesReceived fecPacketsReceived fecPacketsDiscarded bytesReceived "
        "nackCount firCount pliCount totalProcessingDelay estimatedPlayoutTimestamp "
        "jitterBufferDelay jitterBufferTargetDelay jitterBufferEmittedCount "
        "jitterBufferMinimumDelay totalSamplesReceived concealedSamples silentConcealedSamples "
        "concealmentEvents insertedSamplesForDeceleration removedSamplesForAcceleration "
        "audioLevel totalAudioEnergy totalSamplesDuration framesReceived decoderImplementation "
        "playoutId powerEfficientDecoder framesAssembledFromMultiplePackets totalAssemblyTime "
        "retransmittedPacketsReceived retransmittedBytesReceived rtxSsrc fecSsrc "
        "totalCorruptionProbability totalSquaredCorruptionProbability corruptionMeasurements",
    "OutboundRtpStats":
        SENT + " mid mediaSourceId remoteId rid encodingIndex headerBytesSent "
        "retransmittedPacketsSent retransmittedBytesSent rtxSsrc targetBitrate "
        "totalEncodedBytesTarget frameWidth frameHeight framesPerSecond framesSent "
        "hugeFramesSent framesEncoded keyFramesEncoded qpSum psnrSum psnrMeasurements "
        "totalEncodeTime totalPacketSendDelay qualityLimitationReason "
        "qualityLimitationDurations qualityLimitationResolutionChanges nackCount firCount "
        "pliCount encoderImplementation powerEfficientEncoder active scalabilityMode",
    "RemoteInboundRtpStats":
        RECEIVED + " localId roundTripTime totalRoundTripTime fractionLost "
        "roundTripTimeMeasurements",
    "RemoteOutboundRtpStats":
        SENT + " localId remoteTimestamp reportsSent roundTripTime totalRoundTripTime "
        "roundTripTimeMeasurements",
}
RESOURCES = {"participant", "track", "transport", "consumer"}
MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.M | re.S)
# Comments above it, type, name, and the comment behind it.
FIELD = re.compile(r"((?:^  //.*\n)*)^  (?:repeated )?[\w.]+ (\w+) = \d+;([^\n]*)", re.M)
NOT_OF_IT = re.compile(r"of the W3C", re.I)


def json_name(field):
    return re.sub(r"_(\w)", lambda m: m[1].upper(), field)


def complaints(text):
    bodies = dict(MESSAGE.findall(text))
    for message, names in W3C.items():
        # The values of an enum inside are no fields.
        body = re.sub(r"^  enum .*?^  \}", "", bodies[message], flags=re.M | re.S)
        fields = FIELD.findall(body)
        if len(fields) < 3:
            yield f"{message}: only {len(fields)} fields found"
        for above, field, behind in fields:
            known = field in RESOURCES or json_name(field) in names.split()
            says = bool(NOT_OF_IT.search(above + behind))
            if not known and not says:
                yield f"{message}.{field}: webrtc-stats has no {json_name(field)}: say so"
            if known and "not of the W3C" in above + behind:
                yield f"{message}.{field}: webrtc-stats has {json_name(field)}"


def main(root):
    text = (root / "proto/api/sluice/v1/statistics.proto").read_text("utf-8")
    lines = list(complaints(text))
    print("\n".join(lines) or "every name is the W3C's, or says that it is not")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
