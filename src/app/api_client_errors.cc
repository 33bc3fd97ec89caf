#include "app/api_client_errors.h"

#include <cstdio>

#include "app/api_client.h"

namespace drover::app {
namespace {

constexpr std::string_view kUnreachable = "unreachable";

}  // namespace

Error unreachable(const std::string& url, const Error& why) {
  Error error(Code::kUnavailable,
              "no server answers at " + url + " (" + why.message +
                  "): start one with `drover serve`, name another with --url or DROVER_URL, or "
                  "work on its data folder with --data DIR");
  error.reason = kUnreachable;
  return error;
}

Error no_key(const std::string& url) {
  Error error(Code::kUnauthenticated,
              "no key for the server at " + url +
                  ": export DROVER_KEY=<key>. The first start of `drover serve` printed an admin "
                  "key; with it, `drover key create --scopes sessions,call` makes others");
  error.reason = kUsageReason;
  return error;
}

Error not_drover() { return Error(Code::kUnavailable, "it is not Drover"); }

Error answer_error_of(int status, std::string_view body) {
  auto parsed = Json::parse(body);
  std::string message;
  if (parsed) {
    const Json* text = parsed->at("error", "message");
    if (text != nullptr && text->string() != nullptr) message = *text->string();
  }
  if (message.empty()) message = "the server answered " + std::to_string(status);
  if (status == 401) message += " (the key is in --key or DROVER_KEY)";
  Code code = status == 401   ? Code::kUnauthenticated
              : status == 403 ? Code::kPermissionDenied
              : status == 404 ? Code::kNotFound
              : status == 409 ? Code::kAborted
              : status < 500  ? Code::kInvalidArgument
              : status == 500 ? Code::kInternal
                              : Code::kUnavailable;
  return Error(code, std::move(message));
}

int exit_code(const Error& error) {
  if (error.reason == kUsageReason) return kExitUsage;
  if (error.reason == kUnreachable) return kExitUnreachable;
  return kExitFailed;
}

int complain(const Error& error) {
  std::fprintf(stderr, "drover: %s\n", error.message.c_str());
  for (const std::string& note : error.notes) std::fprintf(stderr, "  while %s\n", note.c_str());
  return exit_code(error);
}

Failure usage_error(std::string message) {
  return fail(
      Error(Code::kInvalidArgument, std::move(message)).with_reason(std::string(kUsageReason)));
}

}  // namespace drover::app
