// What happens to a batch as time passes.
#include <fmt/format.h>

#include <set>

#include "sim/batch.h"
#include "sim/cloud.h"
#include "sim/completion.h"
#include "sim/tokens.h"

namespace drover::sim {

namespace {

/// Faults of an input file that are listed.
constexpr size_t kFaultsShownMax = 10;

Json fault_json(std::string code, std::string message, size_t line) {
  Json out = Json::object();
  out.set("code", std::move(code)).set("message", std::move(message)).set("param", nullptr);
  return out.set("line", static_cast<int64_t>(line));
}

void add(std::optional<int64_t>& sum, const std::optional<int64_t>& more) {
  if (more) sum = sum.value_or(0) + *more;
}

/// A line of the output or error file; one of response and error is null.
void append(std::string& file, std::string id, const std::string& custom_id, Json response,
            Json error) {
  Json line = Json::object();
  line.set("id", std::move(id)).set("custom_id", custom_id);
  line.set("response", std::move(response)).set("error", std::move(error));
  line.dump_to(file);
  file += '\n';
}

}  // namespace

Result<std::vector<BatchDesk::Line>> BatchDesk::read_lines(const Batch& batch, Json& faults) const {
  auto file = files_.find(batch.input);
  if (file == files_.end()) return fail(Code::kNotFound, "the input file is gone");
  std::vector<Line> out;
  std::set<std::string> ids;
  std::string model;
  std::string_view text = file->second.bytes;
  auto wrong = [&](std::string code, std::string message, size_t line) {
    if (faults.array_items()->size() < kFaultsShownMax) {
      faults.push(fault_json(std::move(code), std::move(message), line));
    }
  };
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    if (line.empty() || line == "\r") continue;
    Result<Json> json = Json::parse(line);
    const Json* body = json ? json->find("body") : nullptr;
    if (body == nullptr || !body->is_object()) {
      wrong("invalid_json_line", "This line is not parseable as valid JSON.", number);
      continue;
    }
    const std::string id(json->get_string("custom_id").value_or(""));
    if (id.empty()) wrong("missing_required_parameter", "custom_id is missing.", number);
    if (!ids.insert(id).second) {
      wrong("duplicate_custom_id", "The custom_id for this request is a duplicate.", number);
    }
    if (json->get_string("method") != "POST") wrong("invalid_method", "Invalid method.", number);
    if (json->get_string("url") != batch.endpoint) {
      wrong("mismatched_endpoint", "The URL provided for this request does not match.", number);
    }
    const std::string asked(body->get_string("model").value_or(""));
    if (model.empty()) model = asked;
    if (asked != model) {
      wrong("mismatched_model", "The provided model does not match the first line's.", number);
    }
    if (out.size() >= kBatchLinesMax) {
      wrong("too_many_tasks", "The batch has too many requests.", number);
      break;
    }
    out.push_back(Line{id, body->dump()});
  }
  if (out.empty()) wrong("empty_file", "The input file is empty.", 0);
  return out;
}

void BatchDesk::run_due() {
  const WallTime now = cloud_.loop_.wall();
  for (Batch& batch : batches_) {
    if (!batch.open()) continue;
    if (batch.status == "validating") {
      Result<std::vector<Line>> lines = read_lines(batch, batch.faults);
      if (!lines) batch.faults.push(fault_json("invalid_file", lines.error().message, 0));
      if (batch.rules.ends == BatchRules::Ends::kFailed) {
        batch.faults.push(
            fault_json("token_limit_exceeded", "Enqueued token limit reached for this model.", 0));
      }
      if (!batch.faults.array_items()->empty()) {
        batch.status = "failed";
        batch.ended = now;
        continue;
      }
      batch.total = static_cast<int64_t>(lines->size());
      batch.status = "in_progress";
    }
    if (now >= batch.due) end(batch, now);
  }
}

void BatchDesk::end(Batch& batch, WallTime now) {
  Json none = Json::array();
  Result<std::vector<Line>> lines = read_lines(batch, none);
  const bool cancelled = batch.status == "cancelling";
  const bool expired = batch.rules.ends == BatchRules::Ends::kExpired;
  const int64_t done = cancelled || expired ? batch.rules.lines_done : batch.total;
  Output out;
  for (size_t i = 0; lines && i < lines->size(); ++i) {
    const Line& line = (*lines)[i];
    const auto number = static_cast<int64_t>(i);
    if (number < done) {
      run_line(batch, line, number < batch.rules.error_lines, out);
      continue;
    }
    ++batch.failed;
    Json error = Json::object();
    error.set("code", cancelled ? "batch_cancelled" : "batch_expired");
    error.set("message", cancelled ? "This request was cancelled with its batch."
                                   : "This request could not be executed before the completion "
                                     "window expired.");
    append(out.errors, make_id("batch_req_"), line.custom_id, Json(), std::move(error));
  }
  const std::string name = batch.id;
  if (!out.answers.empty()) {
    batch.output = keep(name + "_output.jsonl", "batch_output", std::move(out.answers));
  }
  if (!out.errors.empty()) {
    batch.errors_file = keep(name + "_error.jsonl", "batch_output", std::move(out.errors));
  }
  batch.status = cancelled ? "cancelled" : expired ? "expired" : "completed";
  batch.ended = now;
}

void BatchDesk::run_line(Batch& batch, const Line& line, bool fails, Output& out) {
  const dialect::Dialect& dialect = cloud_.profile_->dialect();
  LedgerEntry entry;
  entry.at = cloud_.loop_.wall();
  entry.request_id = cloud_.profile_->make_request_id(cloud_.random_);
  entry.method = "POST";
  entry.path = batch.endpoint;
  entry.region = site_.region;
  entry.caller = batch.caller;
  entry.idempotency_key = line.custom_id;
  entry.tier = "batch";
  const std::string request_id = entry.request_id;
  auto answered = [&](int status, Json body) {
    Json response = Json::object();
    response.set("status_code", status).set("request_id", request_id);
    response.set("body", std::move(body));
    (status == 200 ? batch.completed : batch.failed) += 1;
    entry.status = status;
    append(status == 200 ? out.answers : out.errors, make_id("batch_req_"), line.custom_id,
           std::move(response), Json());
    const uint64_t number = cloud_.ledger_.open(std::move(entry));
    cloud_.ledger_.close(number, status == 200 ? "ok" : "error");
  };
  auto refused = [&](Answer answer) {
    answered(answer.status, Json::parse(answer.body).value_or(Json()));
  };
  if (fails) {
    return refused(
        refuse(Code::kInternal, "The server had an error while processing your request."));
  }
  Result<contract::ChatRequest> chat = dialect.decode_request(line.body);
  if (!chat) return refused(cloud_.profile_->error(chat.error(), dialect));
  entry.model = chat->model;
  const SimModel* model = cloud_.find_model(chat->model);
  if (model == nullptr) return refused(cloud_.profile_->no_model(chat->model, dialect));
  const std::string prompt = prompt_text(*chat);
  if (count_tokens(prompt) > model->context_tokens) {
    return refused(refuse(Code::kInvalidArgument,
                          "This model's maximum context length is exceeded.",
                          "context_length_exceeded"));
  }
  Result<ModelAnswer> said = model->source->answer(ModelQuestion{*chat, ""});
  if (!said) return refused(cloud_.profile_->error(said.error(), dialect));
  CompletionRules rules;
  rules.kind = cloud_.options_.kind;
  Completion done =
      complete(*chat, model->id, std::move(*said), prompt, site_.cache, cloud_.loop_.mono(), rules);
  entry.billed = done.billed;
  entry.billed.output = done.answer_tokens;
  add(batch.usage.input_tokens, done.usage.input_tokens);
  add(batch.usage.output_tokens, done.usage.output_tokens);
  add(batch.usage.cache_read_tokens, done.usage.cache_read_tokens);
  add(batch.usage.reasoning_tokens, done.usage.reasoning_tokens);
  contract::ChatResponse response;
  response.id = cloud_.profile_->make_response_id(cloud_.random_);
  response.model = model->version.empty() ? model->id : model->version;
  response.created = unix_seconds(cloud_.loop_.wall());
  response.message = std::move(done.answer.message);
  response.finish_reason = done.answer.finish_reason;
  response.usage = done.usage;
  answered(200, Json::parse(dialect.encode_response(response)).value_or(Json()));
}

}  // namespace drover::sim
