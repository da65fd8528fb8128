// SPDX-License-Identifier: Apache-2.0
// controlplane/session/offer_waiter.c - telling whoever waits for the answer to an offer: once.
//
// Place    publish.c and player_sdp.c end here; a gRPC call or an HTTP request waits.
// Thread   the API's GMainContext.

#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"

static struct offer_waiter take(struct participant *p)
{
	struct offer_waiter waiter = p->waiter;

	p->waiter = (struct offer_waiter){0};
	return waiter;
}

void offer_answered(struct participant *p, const char *sdp)
{
	struct offer_waiter waiter = take(p);

	if (waiter.answered != NULL)
		waiter.answered(waiter.data, sdp);
}

static void refuse(struct participant *p, const struct rpc_error *error)
{
	struct offer_waiter waiter = take(p);

	if (waiter.failed != NULL)
		waiter.failed(waiter.data, error);
}

void offer_refuse(struct participant *p, enum rpc_status code, Sluice__V1__ErrorReason reason,
		  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);
	va_end(args);
	refuse(p, &(struct rpc_error){.code = code, .reason = reason, .text = text});
	g_free(text);
}

// 'text' is taken.
static void refuse_with(struct participant *p, Sluice__V1__ErrorReason reason, char *text,
			const char *key, const char *value)
{
	struct rpc_facts facts = {0};

	rpc_facts_add(&facts, key, g_strdup(value));
	refuse(p, &(struct rpc_error){
			  .code = RPC_RESOURCE_EXHAUSTED,
			  .reason = reason,
			  .text = text,
			  .facts = &facts,
		  });
	rpc_facts_clear(&facts);
	g_free(text);
}

void offer_refuse_open(struct participant *p, const char *reason)
{
	if (link_client_view(p->node->link) == NULL)
		offer_refuse(p, RPC_UNAVAILABLE, RPC_REASON(DATAPLANE_GONE),
			     "The transport could not be made: %s.", reason);
	else
		refuse_with(p, RPC_REASON(NODE_FULL),
			    g_strdup_printf("The transport could not be made: %s.", reason),
			    "limit", "transports");
}

static void refuse_change(struct participant *p, const char *why)
{
	refuse_with(p, RPC_REASON(DATAPLANE_REFUSED),
		    g_strdup_printf(
			    "The dataplane refused the offer, and nothing of it is left: %s.", why),
		    "value", why);
}

void offer_refuse_result(struct participant *p, const struct link_result *result)
{
	if (result->kind == LINK_GONE)
		offer_refuse(p, RPC_UNAVAILABLE, RPC_REASON(DATAPLANE_GONE),
			     "No dataplane is attached: try again later.");
	else
		refuse_change(p, link_result_text(result));
}

void offer_restart(struct participant *p, struct media_transport *t,
		   const struct ice_credentials *remote, const struct offer_waiter *waiter)
{
	const struct rpc_error pending = {
		.code = RPC_FAILED_PRECONDITION,
		.reason = RPC_REASON(OFFER_PENDING),
		.text = "The ICE restart before is not answered yet: wait for its answer.",
	};

	if (media_transport_restart(t, remote))
		p->waiter = *waiter;
	else
		waiter->failed(waiter->data, &pending);
}

void offer_restarted(struct participant *p, const struct link_result *result)
{
	if (result->kind == LINK_APPLIED)
		offer_answered(p, NULL);
	else
		offer_refuse_result(p, result);
}
