#include "api/signature.h"

#include "api/json_route.h"

namespace drover::api {
namespace {

Result<std::optional<uint64_t>> sequence_of(const Exchange& exchange) {
  std::string text = exchange.request.head().query_param("sequence").value_or("");
  if (text.empty()) return std::optional<uint64_t>();
  auto out = whole_number(text);
  if (!out || *out == 0) {
    return fail(Code::kInvalidArgument, "'sequence' must be that of an event, from 1");
  }
  return out;
}

Task<Result<Json>> show(Context ctx, Exchange& exchange, SignatureServices services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(auto sequence, sequence_of(exchange));
  CO_TRY(auto row, co_await services.sessions->find(ctx, exchange.principal, id));
  if (services.signer == nullptr) {
    co_return fail(
        Error(Code::kNotFound, "this server signs no journals").with_reason("not_signed"));
  }
  if (sequence && *sequence < row.last_sequence) {
    CO_TRY(auto earlier, co_await services.signer->prove_up_to(ctx, id, *sequence));
    co_return earlier.to_json();
  }
  store::Head newest;
  newest.session = id;
  newest.sequence = row.last_sequence;
  newest.hash = row.last_hash;
  CO_TRY(auto proof, co_await services.signer->prove(ctx, std::move(newest), row.updated));
  co_return proof.to_json();
}

}  // namespace

void add_signature_routes(Router& router, SignatureServices services) {
  add_json<SignatureServices>(router, "GET", "/v1/sessions/{id}/signature", services, show);
}

}  // namespace drover::api
