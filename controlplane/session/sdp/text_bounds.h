// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/text_bounds.h - cheap bounds on SDP text, before a parser sees it.
//
// Place    the first thing description.c and fragment.c do.
// Thread   any; pure function, one pass.
#pragma once

#include <stddef.h>

// 0 if the text is within enum sdp_limits, of lines "x=...", in UTF-8 without control characters
// and starts with v=0. Else -E2BIG or -EINVAL with the sentence in 'reason' (SDP_REASON_SIZE).
int sdp_text_check(const char *text, size_t size, char *reason);

// The same without the size of all and without v=0: for fragments.
int sdp_text_check_lines(const char *text, size_t size, char *reason);
