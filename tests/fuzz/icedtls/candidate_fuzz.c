// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/icedtls/candidate_fuzz.c - text of a remote's SDP: candidates, credentials,
// fingerprint.
//
// Input    one line.
#include "controlplane/dtls/certificate.h"
#include "controlplane/ice/candidate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ice_candidate_filter filter = {0};
	struct ice_candidate candidate;
	struct ice_credentials credentials;
	struct dtls_fingerprint f;
	char text[DTLS_FINGERPRINT_TEXT_SIZE];
	char *line = malloc(size + 1);

	if (line == NULL)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	if (ice_candidate_parse(line, &filter, &candidate) == ICE_CANDIDATE_OK &&
	    candidate.addr.ss_family == 0)
		abort();
	(void)ice_credentials_set(&credentials, line, line);
	if (dtls_fingerprint_parse(line, &f) == 0) {
		dtls_fingerprint_format(&f, text);
		if (strcasecmp(text, line) != 0)
			abort();
	}
	free(line);
	return 0;
}
