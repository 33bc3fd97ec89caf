#include "http/http1_connection.h"

#include "base/limits/http.h"
#include "base/log.h"
#include "base/text_copy.h"
#include "base/text_find.h"

namespace drover::http {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What only llhttp has seen of a request line may hold more than may be in one.
const char* fault_of_line(std::string_view raw, std::string_view target) {
  const char* end = target.data() + target.size();
  if (target.empty() || find_not_visible(target.data(), end) != end ||
      target.find('#') != std::string_view::npos) {
    return "the request target is malformed";
  }
  // llhttp lets more than one space pass on either side of the target.
  const size_t at = static_cast<size_t>(target.data() - raw.data());
  const bool spaced = raw[at - 2] == ' ' || raw[at + target.size() + 1] == ' ';
  return spaced ? "the request line is malformed" : nullptr;
}

/// Into the memory of the text before, which came on the same connection and mostly is as long.
void take_text(std::string& to, std::string_view text) {
  if (to.size() == text.size()) {
    copy_text(to.data(), text);
  } else {
    to = text;
  }
}

}  // namespace

Http1Connection::Http1Connection(ServerCore& core, const Context& parent,
                                 std::unique_ptr<net::Stream> stream)
    : core_(core),
      stream_(std::move(stream)),
      scope_(parent),
      io_(std::in_place, parent),
      parser_(HeadParser::Kind::kRequest, core.options.header_bytes_max),
      limit_(core.loop, [this] {
        timed_out_ = true;
        io_->cancel("timed out");
      }) {}

Task<void> Http1Connection::run() {
  while (!gone_) {
    Outcome outcome = Outcome::kRequest;
    if (!head_is_here()) outcome = co_await read_head();
    if (outcome == Outcome::kHttp2) wants_http2_ = true;
    if (outcome != Outcome::kRequest) break;
    handling_ = true;
    ++core_.in_flight;
    co_await core_.serving.enter(core_.loop);
    scope_.spawn(serve());
    // While the handler works: for more bytes (the next request, kept for later) or for the end.
    while (handling_) {
      if (!may_watch()) {
        co_await wait_progress();
        continue;
      }
      watching_ = true;
      const bool moves = in_.empty() && !view_lent_;
      if (moves) {
        // Here a client spends its time: no frame but this one, and no buffer.
        in_.release();
        async::Wake wake = async::Wake::kWoken;
        while (async::WaitQueue* arriving = stream_->nothing_to_read()) {
          wake = co_await arriving->wait(io_->context());
          if (wake != async::Wake::kWoken) break;
        }
        if (wake != async::Wake::kWoken) {
          watched(false);
          continue;
        }
      }
      if (std::optional<Result<size_t>> now = read_now(moves)) {
        co_await core_.reading.enter(core_.loop);
        watched(*now && **now > 0);
        continue;
      }
      Task<Result<size_t>> reading = read_more(io_->context(), moves);
      Result<size_t> n = co_await std::move(reading);
      watched(n && *n > 0);
    }
    if (!keep_alive_) break;
  }
  limit_.clear();
  if (wants_http2_) {
    co_await scope_.join();
    co_return;
  }
  if (linger_ && !gone_) co_await linger();
  gone_ = true;
  stream_->close();
  scope_.cancel("the connection is closed");
  co_await scope_.join();
}

/// Takes the next request's head if it is here whole and in order, as it mostly is. If not, nothing
/// has happened.
bool Http1Connection::head_is_here() {
  if (first_ || in_.empty()) return false;
  view_lent_ = false;  // the handler that was reading has ended
  const HeadParser::Status status = parser_.feed_next(in_.pending(), head_.headers.received());
  if (status != HeadParser::Status::kDone) return false;
  if (accept_head(in_.pending()).status != 0) return false;
  limit_.clear();
  in_.consume(parser_.head_bytes());
  return true;
}

Task<Http1Connection::Outcome> Http1Connection::read_head() {
  parser_.reset();
  view_lent_ = false;  // the handler that was reading has ended
  bool waiting_for_first = true;
  for (;;) {
    if (!in_.empty()) {
      if (first_ && kHttp2Preface.starts_with(in_.pending().substr(0, kHttp2Preface.size()))) {
        if (in_.size() >= kHttp2Preface.size()) co_return Outcome::kHttp2;
      } else {
        HeadParser::Status status = parser_.feed(in_.pending());
        if (status == HeadParser::Status::kDone) break;
        if (status == HeadParser::Status::kTooLarge) {
          co_await refuse(431, "the request's headers are too large or too many");
          co_return Outcome::kClosed;
        }
        if (status == HeadParser::Status::kMalformed) {
          co_await refuse(400, std::string("not a proper HTTP/1.1 request: ") + parser_.fault());
          co_return Outcome::kClosed;
        }
      }
    }
    if (draining_ && in_.empty()) co_return Outcome::kClosed;
    if (waiting_for_first) {
      // The whole head must come within read_timeout of its first byte (slow senders).
      bool idle = in_.empty() && !first_;
      limit_.set(idle ? core_.options.idle_timeout : core_.options.read_timeout);
      waiting_for_first = idle;
    }
    Result<size_t> n = co_await read_more(io_->context(), true);
    if (!n || *n == 0) {
      if (timed_out_ && !in_.empty()) {
        co_await refuse(408, "the request's headers did not arrive in time");
      }
      co_return Outcome::kClosed;
    }
  }
  limit_.clear();
  first_ = false;
  Refusal refusal = accept_head(in_.pending());
  if (refusal.status != 0) {
    co_await refuse(refusal.status, refusal.why);
    co_return Outcome::kClosed;
  }
  in_.consume(parser_.head_bytes());
  co_return Outcome::kRequest;
}

/// Reads behind what is pending; `may_move` says that the buffer may move and grow for it. An empty
/// one is given back until there is something to read, and read into from its front: at its end
/// there may be room for half a request only, and the other half would cost a read of its own.
Task<Result<size_t>> Http1Connection::read_more(Context ctx, bool may_move) {
  if (in_.empty() && !view_lent_) {
    in_.release();
    may_move = true;
    CO_TRY_VOID(co_await stream_->readable(ctx));
  }
  std::optional<Result<size_t>> n = read_now(may_move);
  if (!n) {
    std::span<char> room = may_move ? in_.make_room(InputBuffer::kSmall / 2) : in_.tail();
    n = co_await stream_->read(std::move(ctx), room);
    if (*n) in_.commit(**n);
  }
  co_return std::move(*n);
}

/// The same where nothing has to be waited for.
std::optional<Result<size_t>> Http1Connection::read_now(bool may_move) {
  std::span<char> room = may_move ? in_.make_room(InputBuffer::kSmall / 2) : in_.tail();
  std::optional<Result<size_t>> n = stream_->try_read(room);
  if (n && *n) in_.commit(**n);
  return n;
}

/// Takes the parsed head over; what it may not hold is answered with the status returned.
Http1Connection::Refusal Http1Connection::accept_head(std::string_view raw) {
  if (parser_.version_major() != 1 || parser_.version_minor() > 1) {
    return Refusal{505, "only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here"};
  }
  if (parser_.is_method(HTTP_CONNECT) || parser_.is_method(HTTP_PRI)) {
    return Refusal{501, "this method is not supported"};
  }
  std::string_view target = parser_.target(raw);
  const char* fault = parser_.is_ordinary() ? nullptr : fault_of_line(raw, target);
  if (fault != nullptr) return Refusal{400, fault};
  // Mostly the line is that of the request before.
  if (static_cast<size_t>(target.data() - raw.data()) + target.size() >= parser_.same()) {
    take_text(head_.method, parser_.method(raw));
    take_text(head_.target, target);
  }
  head_.headers.assign(raw, parser_.fields());
  int hosts = 0;
  send_continue_ = false;
  for (const HeadParser::Field& field : parser_.fields()) {
    const std::string_view name = HeadParser::view(raw, field.name);
    const std::string_view value = HeadParser::view(raw, field.value);
    if (iequals_lower(name, "host")) {
      ++hosts;
      take_text(head_.authority, value);
    } else if (iequals_lower(name, "expect")) {
      if (!iequals_lower(value, "100-continue")) {
        return Refusal{417, "only 100-continue can be expected"};
      }
      send_continue_ = parser_.version_minor() == 1;
    }
  }
  if (hosts > 1 || (hosts == 0 && parser_.version_minor() == 1)) {
    return Refusal{400, "exactly one Host header is required"};
  }
  if (hosts == 0) head_.authority.clear();
  if (target[0] != '/' && !(target == "*" && parser_.is_method(HTTP_OPTIONS))) {
    // Absolute form: its authority wins over Host (RFC 9112 section 3.2.2).
    Result<Url> url = Url::parse(target);
    if (!url) return Refusal{400, "the request target is malformed"};
    head_.authority = url->authority();
    head_.target = std::move(url->target);
  }
  if (parser_.has_transfer_encoding()) {
    // llhttp sees to it that chunked is the last coding; we speak no other, so it must be alone.
    Refusal unsupported{501, "only the transfer coding chunked is supported"};
    std::string codings = head_.headers.get_joined("transfer-encoding");
    if (parser_.has_content_length()) return Refusal{400, "both a length and a transfer coding"};
    if (!iequals_lower(codings, "chunked")) return unsupported;
    if (parser_.version_minor() == 0) return Refusal{400, "a transfer coding needs HTTP/1.1"};
    body_.start_chunked();
  } else if (parser_.has_content_length()) {
    body_.start_length(parser_.content_length());
  } else {
    body_.start_none();
  }
  keep_alive_ = parser_.keep_alive();
  is_head_ = parser_.is_method(HTTP_HEAD);
  fail_status_ = 0;
  body_bytes_ = 0;
  answer_ = Answer::kNone;
  prepared_ = false;
  return Refusal();
}

Task<void> Http1Connection::serve() {
  {
    ServerRequest& request = *this;
    ServerResponse& response = *this;
    Task<void> working = core_.handler(Context(scope_.context()), request, response);
    co_await std::move(working);
  }
  end_kept();
  if (answer_ == Answer::kStreaming) {
    // Ended without finish(): nobody may take it for whole.
    abort();
  } else if (answer_ == Answer::kNone && !gone_) {
    int status = fail_status_ != 0 ? fail_status_ : 500;
    Task<Result<void>> answering = respond_fault(status, "the request could not be served");
    Result<void> sent = co_await std::move(answering);
    (void)sent;
  }
  end_request();
}

Task<Result<void>> Http1Connection::respond_fault(int status, std::string_view why) {
  ResponseHead head;
  head.status = status;
  head.headers.add("Content-Type", "application/json");
  return respond(scope_.context(), std::move(head), error_body(status, why));
}

void Http1Connection::end_request() {
  handling_ = false;
  --core_.in_flight;
  if (gone_ || answer_ != Answer::kDone) keep_alive_ = false;
  if (draining_) keep_alive_ = false;
  if (keep_alive_) {
    limit_.set(core_.options.idle_timeout);
    // The next request is here already: run() must not wait for more bytes before it serves it.
    if (watching_ && !in_.empty()) {
      interrupted_ = true;
      io_->cancel("the next request is here");
    }
  } else {
    if (!gone_) linger_ = true;
    io_->cancel("the connection is ending");
  }
  progress_.wake_all();
}

/// Whether run() may read on while the handler works. Where the buffer is full of pipelined
/// requests no more is read until the handler is done.
bool Http1Connection::may_watch() {
  if (gone_ || !body_buffered()) return false;
  return !in_.tail().empty() || (in_.empty() && !view_lent_);
}

/// What came of watching.
void Http1Connection::watched(bool more) {
  watching_ = false;
  if (interrupted_) {
    interrupted_ = false;
    io_.emplace(scope_.context());
    return;
  }
  if (more) return;
  if (handling_) {
    client_left();
  } else if (keep_alive_) {
    gone_ = true;  // an orderly end between two requests, or the idle timeout
  }
}

Task<void> Http1Connection::wait_progress() {
  if (!handling_) co_return;
  Context quiet = scope_.context().detached();
  async::Wake wake = co_await progress_.wait(std::move(quiet));
  (void)wake;
}

void Http1Connection::client_left() {
  if (gone_) return;
  gone_ = true;
  keep_alive_ = false;
  scope_.cancel("the client has left");
}

Task<void> Http1Connection::refuse(int status, std::string why) {
  keep_alive_ = false;
  is_head_ = false;
  linger_ = true;
  answer_ = Answer::kNone;
  body_.start_none();
  Task<Result<void>> answering = respond_fault(status, why);
  Result<void> sent = co_await std::move(answering);
  if (!sent) gone_ = true;
}

/// Ends our side and reads on for a while: closing at once with unread bytes would send a reset
/// that may overtake the answer.
Task<void> Http1Connection::linger() {
  Context ctx = scope_.context().with_timeout(limits::kHttpLingerTotal);
  Result<void> ended = co_await stream_->shutdown_write(ctx);
  if (!ended) co_return;
  // A client in the middle of its body: it may be long.
  size_t part = body_.done() ? InputBuffer::kSmall / 2 : InputBuffer::kLarge / 2;
  size_t total = 0;
  while (total < limits::kHttpLingerTotalBytesMax) {
    in_.consume(in_.size());
    std::span<char> room = in_.make_room(part);
    Context bounded = ctx.with_timeout(limits::kHttpLingerSilence);
    Result<size_t> n = co_await stream_->read(std::move(bounded), room);
    if (!n || *n == 0) co_return;
    total += *n;
  }
}

void Http1Connection::drain() {
  draining_ = true;
  if (!handling_ && in_.empty()) {
    gone_ = true;
    if (stream_ != nullptr) stream_->close();
  }
}

void Http1Connection::drop() {
  client_left();
  if (stream_ != nullptr) stream_->close();
}

}  // namespace drover::http
