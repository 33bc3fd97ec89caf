// Files and batches: what callers ask for. batch_run.cc runs them.
#include "sim/batch.h"

#include <algorithm>
#include <charconv>

#include "http/multipart.h"
#include "sim/cloud.h"

namespace drover::sim {

namespace {

constexpr Duration kWindow = 24h;

size_t limit_of(const Arrived& arrived, size_t otherwise) {
  size_t limit = otherwise;
  const std::string wish = arrived.head.query_param("limit").value_or("");
  std::from_chars(wish.data(), wish.data() + wish.size(), limit);
  return std::clamp<size_t>(limit, 1, 100);
}

void set_time(Json& out, const char* name, WallTime t) {
  if (t != WallTime()) {
    out.set(name, unix_seconds(t));
  } else {
    out.set(name, nullptr);
  }
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

Result<BatchRules> BatchRules::from_json(const Json& json) {
  BatchRules out;
  TRY_VOID(check_members(json, {{"takes_ms", MemberKind::kWhole},
                                {"ends", MemberKind::kText},
                                {"lines_done", MemberKind::kWhole},
                                {"error_lines", MemberKind::kWhole}}));
  const int64_t takes = json.get_int("takes_ms").value_or(2000);
  out.lines_done = json.get_int("lines_done").value_or(0);
  out.error_lines = json.get_int("error_lines").value_or(0);
  const std::string_view ends = json.get_string("ends").value_or("completed");
  if (ends == "failed") out.ends = Ends::kFailed;
  if (ends == "expired") out.ends = Ends::kExpired;
  const bool known = ends == "completed" || out.ends != Ends::kCompleted;
  if (!known || takes < 0 || takes > 7 * 24 * 3'600'000LL || out.lines_done < 0 ||
      out.error_lines < 0) {
    return fail(Code::kInvalidArgument,
                "a batch takes takes_ms, and ends completed, failed or expired");
  }
  out.takes = Duration(takes * 1'000'000);
  return out;
}

std::string BatchDesk::make_id(std::string_view prefix) {
  return std::string(prefix) + make_token(cloud_.random_, 24);
}

Answer BatchDesk::refuse(Code code, std::string message, std::string reason) const {
  Error error(code, std::move(message));
  return cloud_.profile_->error(std::move(error).with_reason(std::move(reason)),
                                cloud_.profile_->dialect());
}

Answer BatchDesk::handle(const BatchCall& call, const Arrived& arrived) {
  run_due();
  const std::string_view path = call.path;
  const bool file = path.starts_with("files");
  std::string_view rest = path.substr(file ? 5 : 7);
  if (!rest.empty()) rest.remove_prefix(1);
  return file ? files(rest, arrived) : batches(rest, call, arrived);
}

// --- Files ---

Answer BatchDesk::files(std::string_view rest, const Arrived& arrived) {
  const std::string& method = arrived.head.method;
  if (rest.empty()) {
    if (method == "POST") return upload(arrived);
    if (method == "GET") return list_files(arrived);
    return refuse(Code::kInvalidArgument, "Not allowed to use this method on this path.");
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string id(rest.substr(0, slash));
  auto found = files_.find(id);
  if (found == files_.end()) {
    return refuse(Code::kNotFound, "No such File object: " + id);
  }
  const bool content = rest.substr(slash) == "/content";
  if (content && method == "GET") {
    Answer out;
    out.headers.add("content-type", "application/octet-stream");
    out.body = found->second.bytes;
    return out;
  }
  if (method == "GET" && slash == rest.size())
    return json_answer(200, file_json(id, found->second));
  if (method == "DELETE" && slash == rest.size()) {
    bytes_ -= found->second.bytes.size();
    files_.erase(found);
    Json out = Json::object();
    out.set("id", id).set("object", "file").set("deleted", true);
    return json_answer(200, out);
  }
  return refuse(Code::kNotFound, "Unknown request of a file");
}

Answer BatchDesk::upload(const Arrived& arrived) {
  auto parts =
      http::parse_form(arrived.head.headers.get("content-type").value_or(""), arrived.body);
  if (!parts) return refuse(Code::kInvalidArgument, parts.error().message);
  std::string purpose;
  http::FormPart* file = nullptr;
  for (http::FormPart& part : *parts) {
    if (part.name == "purpose") purpose = part.body;
    if (part.name == "file") file = &part;
  }
  if (file == nullptr) return refuse(Code::kInvalidArgument, "'file' is a required property");
  if (purpose != "batch") {
    return refuse(Code::kInvalidArgument, "'" + purpose + "' is not one of ['batch'] - 'purpose'");
  }
  if (files_.size() >= kBatchFilesMax || bytes_ + file->body.size() > kBatchFilesBytesMax) {
    return refuse(Code::kInvalidArgument, "The quota of files is used up.");
  }
  const std::string id = keep(file->filename, purpose, std::move(file->body));
  return json_answer(200, file_json(id, files_.at(id)));
}

std::string BatchDesk::keep(std::string name, std::string purpose, std::string bytes) {
  std::string id = make_id("file-");
  bytes_ += bytes.size();
  files_[id] = File{std::move(name), std::move(purpose), std::move(bytes), cloud_.loop_.wall()};
  return id;
}

Json BatchDesk::file_json(const std::string& id, const File& file) const {
  Json out = Json::object();
  out.set("id", id).set("object", "file").set("bytes", static_cast<int64_t>(file.bytes.size()));
  out.set("created_at", unix_seconds(file.made)).set("filename", file.name);
  out.set("purpose", file.purpose).set("status", "processed").set("status_details", nullptr);
  return out;
}

Answer BatchDesk::list_files(const Arrived& arrived) const {
  const std::string purpose = arrived.head.query_param("purpose").value_or("");
  Json data = Json::array();
  for (const auto& [id, file] : files_) {
    if (purpose.empty() || purpose == file.purpose) data.push(file_json(id, file));
  }
  Json out = Json::object();
  out.set("object", "list").set("data", std::move(data)).set("has_more", false);
  return json_answer(200, out);
}

// --- Batches ---

BatchDesk::Batch* BatchDesk::find(std::string_view id) {
  auto found =
      std::find_if(batches_.begin(), batches_.end(), [&](const Batch& b) { return b.id == id; });
  return found == batches_.end() ? nullptr : &*found;
}

Answer BatchDesk::batches(std::string_view rest, const BatchCall& call, const Arrived& arrived) {
  const std::string& method = arrived.head.method;
  if (rest.empty() && method == "POST") return create(call, arrived);
  if (rest.empty() && method == "GET") return list_batches(arrived);
  const size_t slash = std::min(rest.find('/'), rest.size());
  Batch* batch = find(rest.substr(0, slash));
  if (batch == nullptr) {
    return refuse(Code::kNotFound,
                  "No batch found with id '" + std::string(rest.substr(0, slash)) + "'.");
  }
  if (method == "GET" && slash == rest.size()) return json_answer(200, batch_json(*batch));
  if (method == "POST" && rest.substr(slash) == "/cancel") return cancel(*batch);
  return refuse(Code::kNotFound, "Unknown request of a batch");
}

Answer BatchDesk::create(const BatchCall& call, const Arrived& arrived) {
  Result<Json> json = Json::parse(arrived.body);
  if (!json) return refuse(Code::kInvalidArgument, "the body is " + json.error().message);
  const std::string endpoint(json->get_string("endpoint").value_or(""));
  // Azure takes both forms.
  if (endpoint != call.endpoint && endpoint != "/v1" + call.endpoint) {
    return refuse(Code::kInvalidArgument, "Invalid value: '" + endpoint + "' of 'endpoint'",
                  "invalid_value");
  }
  if (json->get_string("completion_window") != "24h") {
    return refuse(Code::kInvalidArgument, "'completion_window' must be '24h'", "invalid_value");
  }
  const std::string input(json->get_string("input_file_id").value_or(""));
  if (files_.find(input) == files_.end()) {
    return refuse(Code::kInvalidArgument, "No such File object: " + input, "invalid_value");
  }
  if (batches_.size() >= kBatchesMax) {
    return refuse(Code::kResourceExhausted, "Too many batches.", "batch_limit_exceeded");
  }
  Batch batch;
  batch.id = make_id("batch_");
  batch.input = input;
  batch.endpoint = endpoint;
  batch.caller = call.caller;
  if (const Json* metadata = json->find("metadata")) batch.metadata = *metadata;
  batch.rules = rules_;
  batch.made = cloud_.loop_.wall();
  batch.due = batch.made + batch.rules.takes;
  batches_.push_back(std::move(batch));
  return json_answer(200, batch_json(batches_.back()));
}

Answer BatchDesk::list_batches(const Arrived& arrived) const {
  const std::string after = arrived.head.query_param("after").value_or("");
  const size_t limit = limit_of(arrived, 20);
  Json data = Json::array();
  std::string first, last;
  bool begun = after.empty();
  bool more = false;
  size_t n = 0;
  for (auto it = batches_.rbegin(); it != batches_.rend() && !more; ++it) {
    if (begun && n == limit) {
      more = true;
    } else if (begun) {
      data.push(batch_json(*it));
      if (n++ == 0) first = it->id;
      last = it->id;
    }
    begun = begun || it->id == after;
  }
  Json out = Json::object();
  out.set("object", "list").set("data", std::move(data)).set("first_id", text_or_null(first));
  out.set("last_id", text_or_null(last)).set("has_more", more);
  return json_answer(200, out);
}

Answer BatchDesk::cancel(Batch& batch) {
  if (!batch.open()) {
    return refuse(Code::kInvalidArgument,
                  "Cannot cancel a batch with status '" + batch.status + "'.");
  }
  if (batch.status != "cancelling") {
    const WallTime now = cloud_.loop_.wall();
    // What would be done by now is done.
    const double part = batch.rules.takes <= 0ns
                            ? 1.0
                            : static_cast<double>((now - batch.made).count()) /
                                  static_cast<double>(batch.rules.takes.count());
    batch.rules.lines_done = static_cast<int64_t>(part * static_cast<double>(batch.total));
    batch.status = "cancelling";
    batch.cancelled = now;
    batch.due = std::min(batch.due, now + 100ms);
  }
  return json_answer(200, batch_json(batch));
}

Json BatchDesk::batch_json(const Batch& b) const {
  const bool over = !b.open();
  auto when = [&](std::string_view status) {
    return over && b.status == status ? b.ended : WallTime();
  };
  Json out = Json::object();
  out.set("id", b.id).set("object", "batch").set("endpoint", b.endpoint);
  Json errors;
  if (!b.faults.array_items()->empty()) {
    errors = Json::object().set("object", "list").set("data", b.faults);
  }
  out.set("errors", std::move(errors)).set("input_file_id", b.input);
  out.set("completion_window", "24h").set("status", b.status);
  out.set("output_file_id", text_or_null(b.output));
  out.set("error_file_id", text_or_null(b.errors_file));
  set_time(out, "created_at", b.made);
  set_time(out, "in_progress_at", b.status == "validating" ? WallTime() : b.made);
  set_time(out, "expires_at", b.made + kWindow);
  set_time(out, "completed_at", when("completed"));
  set_time(out, "failed_at", when("failed"));
  set_time(out, "expired_at", when("expired"));
  set_time(out, "cancelling_at", b.cancelled);
  set_time(out, "cancelled_at", when("cancelled"));
  Json counts = Json::object();
  counts.set("total", b.total).set("completed", b.completed).set("failed", b.failed);
  out.set("request_counts", std::move(counts)).set("metadata", b.metadata);
  if (over) {
    Json usage = Json::object();
    const int64_t input = b.usage.input_tokens.value_or(0);
    const int64_t output = b.usage.output_tokens.value_or(0);
    usage.set("input_tokens", input).set("output_tokens", output);
    usage.set("total_tokens", input + output);
    Json cached = Json::object().set("cached_tokens", b.usage.cache_read_tokens.value_or(0));
    Json reasoning = Json::object().set("reasoning_tokens", b.usage.reasoning_tokens.value_or(0));
    usage.set("input_tokens_details", std::move(cached));
    usage.set("output_tokens_details", std::move(reasoning));
    out.set("usage", std::move(usage));
  }
  return out;
}

Json BatchDesk::to_json() const {
  std::map<std::string, int64_t> counts;
  for (const Batch& batch : batches_) ++counts[batch.status];
  Json out = Json::object();
  for (const auto& [status, n] : counts) out.set(status, n);
  out.set("files", static_cast<int64_t>(files_.size()));
  return out;
}

}  // namespace drover::sim
