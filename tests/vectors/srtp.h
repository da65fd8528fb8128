// SPDX-License-Identifier: Apache-2.0
//
// tests/vectors/srtp.h - published SRTP figures, as hex text.
//
// Sources  RFC 3711 B.3 (key derivation), RFC 7714 16 and 17 (packets under given session keys),
// and
//          the known-answer packets libsrtp publishes with its source (packets under master keys:
//          rollover counter 0, SRTCP index 1).
#pragma once

// RFC 3711 B.3.
#define RFC3711_B3_MASTER_KEY "e1f97a0d3e018be0d64fa32c06de4139"
#define RFC3711_B3_MASTER_SALT "0ec675ad498afeebb6960b3aabe6"
#define RFC3711_B3_CIPHER_KEY "c61e7a93744f39ee10734afe3ff7a087"
#define RFC3711_B3_CIPHER_SALT "30cbbc08863d8c85d49db34a9ae1"
#define RFC3711_B3_AUTH_KEY "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbce"

// RFC 7714 16: "Gallia est omnis divisa in partes tres", sequence f17b, rollover counter 0.
#define RFC7714_KEY_128 "000102030405060708090a0b0c0d0e0f"
#define RFC7714_KEY_256 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define RFC7714_SALT "517569642070726f2071756f"
#define RFC7714_RTP                                                                                \
	"8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465" \
	"732074726573"
#define RFC7714_SRTP_128                                                                           \
	"8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b" \
	"36de3adf8833899d7f27beb16a9152cf765ee4390cce"
#define RFC7714_SRTP_256                                                                           \
	"8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f" \
	"1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13"
// RFC 7714 17, index 5d4.
#define RFC7714_RTCP                                                                               \
	"81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeef" \
	"deadbeefdeadbeef"
#define RFC7714_SRTCP_128                                                                          \
	"81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b46" \
	"86303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
#define RFC7714_SRTCP_256                                                                          \
	"81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658" \
	"c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4"
#define RFC7714_SRTCP_INDEX 0x5d4
// RFC 7714 17.3: authenticated but not encrypted.
#define RFC7714_SRTCP_128_CLEAR                                                                    \
	"81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeef" \
	"deadbeefdeadbeef841dd9683dd78ec92ae58790125f62b3000005d4"

// libsrtp's known-answer packets.
#define LIBSRTP_RTP "800f1234decafbadcafebabeabababababababababababababababab"
#define LIBSRTP_RTCP "81c8000bcafebabeabababababababababababababababab"
#define LIBSRTP_CM_MASTER "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6"
#define LIBSRTP_CM_SRTP                                                                            \
	"800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"
#define LIBSRTP_CM_SRTCP                                                                           \
	"81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"
#define LIBSRTP_GCM_MASTER "000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab"
#define LIBSRTP_GCM_SRTP                                                                           \
	"800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392"
#define LIBSRTP_GCM_SRTCP                                                                          \
	"81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001"
