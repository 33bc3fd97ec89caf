#include "http/http2_connection.h"

#include <algorithm>

#include "base/limits/http.h"
#include "http/buffers.h"
#include "http/http2_stream.h"

namespace drover::http {
namespace {

/// Bytes a client may send ahead of a handler's reading: per stream, and over all streams.
constexpr int32_t kStreamWindow = 256 << 10;
constexpr int32_t kConnectionWindow = 4 << 20;
/// One write takes about this much.
constexpr size_t kWriteBytes = 64u << 10;
/// A client that resets more streams than this at once, or than this each second, is told to go.
constexpr uint64_t kResetBurst = 500;
constexpr uint64_t kResetRate = 50;
/// Frames waiting for a client that does not read; then its own are not read either.
constexpr size_t kQueueMax = 2'000;

std::string_view text(const uint8_t* data, size_t size) {
  return std::string_view(reinterpret_cast<const char*>(data), size);
}

}  // namespace

struct Http2Connection::Callbacks {
  static Http2Connection& self(void* user) { return *static_cast<Http2Connection*>(user); }
  static Http2Stream* find(nghttp2_session* session, int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Http2Connection& me = self(user);
    // Streams that were reset no longer count for the protocol, but their handlers may still run.
    if (me.streams_.size() >= 2 * limits::kHttp2StreamsMax || me.draining_) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                NGHTTP2_REFUSED_STREAM);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    auto stream = std::make_unique<Http2Stream>(me, frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream.get());
    me.streams_[frame->hd.stream_id] = std::move(stream);
    return 0;
  }

  static int header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                    size_t name_size, const uint8_t* value, size_t value_size, uint8_t flags,
                    void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Http2Stream* stream = find(session, frame->hd.stream_id);
    if (stream != nullptr) stream->add_header(text(name, name_size), text(value, value_size));
    return 0;
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    Http2Stream* stream = find(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) stream->end_input();
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      // Not run from inside the session: it calls back into it.
      self(user).ready_.push_back(stream);
    }
    return 0;
  }

  static int data_chunk(nghttp2_session* session, uint8_t flags, int32_t id, const uint8_t* data,
                        size_t size, void* user) {
    Http2Stream* stream = find(session, id);
    if (stream == nullptr || stream->handler_done_) {
      nghttp2_session_consume(session, id, size);
    } else {
      stream->take_data(text(data, size));
    }
    return 0;
  }

  static int stream_closed(nghttp2_session* session, int32_t id, uint32_t code, void* user) {
    Http2Stream* stream = find(session, id);
    if (stream == nullptr) return 0;
    Http2Connection& me = self(user);
    stream->on_closed();
    std::erase(me.ready_, stream);
    if (!stream->spawned_) stream->handler_done_ = true;
    me.release(stream);
    return 0;
  }

  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* head,
                       size_t length, nghttp2_data_source* source, void* user) {
    Http2Connection& me = self(user);
    Http2Stream* stream = static_cast<Http2Stream*>(source->ptr);
    me.out_.append(text(head, 9));
    me.out_.append(stream->pending_.substr(0, length));
    stream->pending_.remove_prefix(length);
    stream->in_write_ = me.writes_begun_ + 1;
    return 0;
  }

  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) || !ends) return 0;
    Http2Stream* stream = find(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    stream->end_sent_ = true;
    stream->in_write_ = self(user).writes_begun_ + 1;
    return 0;
  }
};

Http2Connection::Http2Connection(ServerCore& core, const Context& parent,
                                 std::unique_ptr<net::Stream> stream, std::string input)
    : core_(core),
      stream_(std::move(stream)),
      scope_(parent),
      input_(std::move(input)),
      limit_(core.loop, [this] {
        // Idle for too long: a GOAWAY, then the end.
        drain();
      }) {}

Http2Connection::~Http2Connection() {
  if (session_ != nullptr) nghttp2_session_del(session_);
}

bool Http2Connection::open_session() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return false;
  if (nghttp2_option_new(&option) != 0) {
    nghttp2_session_callbacks_del(callbacks);
    return false;
  }
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::stream_closed);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, Callbacks::send_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::frame_sent);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, 500);
  nghttp2_option_set_stream_reset_rate_limit(option, kResetBurst, kResetRate);
  int made = nghttp2_session_server_new2(&session_, callbacks, this, option);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  if (made != 0) return false;
  nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits::kHttp2StreamsMax},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
       static_cast<uint32_t>(core_.options.header_bytes_max)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  return nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0 &&
         nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow) ==
             0;
}

Task<void> Http2Connection::run() {
  if (open_session()) {
    scope_.spawn(writer());
    limit_.set(core_.options.read_timeout);
    bool alive = feed(input_);
    input_ = std::string();
    std::unique_ptr<char[]> buffer(new char[kReadBytes]);
    while (alive && !gone_) {
      co_await wait_for_room();
      Context ctx = scope_.context();
      std::span<char> room(buffer.get(), kReadBytes);
      Result<size_t> n = co_await stream_->read(std::move(ctx), room);
      if (!n || *n == 0) break;
      alive = feed(std::string_view(buffer.get(), *n));
    }
    if (!alive && !gone_) {
      // The session's last words (why it ended) go out before the end.
      nghttp2_session_terminate_session(session_, NGHTTP2_PROTOCOL_ERROR);
      kick();
      Context ctx = scope_.context().with_timeout(limits::kHttpLingerSilence);
      while (!gone_) {
        async::Wake wake = co_await sent_.wait(ctx);
        if (wake != async::Wake::kWoken) break;
      }
    }
  }
  client_left("the client has left");
  co_await scope_.join();
}

/// Stops reading from a client that does not read what it is sent.
Task<void> Http2Connection::wait_for_room() {
  while (!gone_ && writing_ && nghttp2_session_get_outbound_queue_size(session_) > kQueueMax) {
    Context ctx = scope_.context();
    async::Wake wake = co_await sent_.wait(std::move(ctx));
    if (wake != async::Wake::kWoken) co_return;
  }
}

bool Http2Connection::feed(std::string_view bytes) {
  ssize_t used = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                                          bytes.size());
  if (used < 0) return false;
  start_ready();
  update_limit();
  kick();
  return nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0;
}

void Http2Connection::start_ready() {
  std::vector<Http2Stream*> ready = std::move(ready_);
  ready_.clear();
  for (Http2Stream* stream : ready) {
    stream->spawned_ = true;
    ++running_;
    ++core_.in_flight;
    scope_.spawn(serve(this, stream));
  }
}

Task<void> Http2Connection::serve(Http2Connection* self, Http2Stream* stream) {
  Context ctx = stream->cancel_.context();
  if (stream->refusal_ == 0) {
    {
      ServerRequest& request = *stream;
      ServerResponse& response = *stream;
      Task<void> working = self->core_.handler(Context(ctx), request, response);
      co_await std::move(working);
    }
    stream->end_kept();
  } else {
    stream->fail_status_ = stream->refusal_;
  }
  if (stream->answer_ == Http2Stream::Answer::kStreaming) {
    stream->abort();
  } else if (stream->answer_ == Http2Stream::Answer::kNone && !stream->closed_) {
    int status = stream->fail_status_ != 0 ? stream->fail_status_ : 500;
    std::string body = error_body(status, "the request could not be served");
    ResponseHead head;
    head.status = status;
    head.headers.add("content-type", "application/json");
    Result<void> sent = co_await stream->respond(ctx, std::move(head), std::move(body));
    (void)sent;
  }
  stream->discard_input();
  --self->running_;
  --self->core_.in_flight;
  self->update_limit();
  self->kick();
  if (stream->end_sent_) co_await linger(self, stream);
  stream->handler_done_ = true;
  // The client may stop sending what nobody reads (RFC 9113 section 8.1).
  if (!stream->in_ended_) {
    stream->reset(stream->end_sent_ ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
  }
  self->release(stream);
  self->kick();
}

/// Takes what the client still sends behind its answer: many clients forget an answer that a reset
/// follows.
Task<void> Http2Connection::linger(Http2Connection* self, Http2Stream* stream) {
  Context ctx = self->scope_.context().with_timeout(limits::kHttpLingerTotal);
  while (!stream->in_ended_ && !stream->closed_ && !self->gone_ &&
         stream->discarded_ < limits::kHttpLingerTotalBytesMax) {
    Context bounded = ctx.with_timeout(limits::kHttpLingerSilence);
    async::Wake wake = co_await stream->readable_.wait(bounded);
    if (wake != async::Wake::kWoken) co_return;
  }
}

/// Frees the stream once neither its handler nor the session needs it.
void Http2Connection::release(Http2Stream* stream) {
  if (stream->handler_done_ && stream->closed_) streams_.erase(stream->id_);
}

void Http2Connection::update_limit() {
  if (running_ == 0) {
    limit_.set(core_.options.idle_timeout);
  } else {
    limit_.clear();
  }
}

void Http2Connection::kick() {
  dirty_ = true;
  kick_.wake_one();
}

bool Http2Connection::collect() {
  out_.clear();
  while (out_.size() < kWriteBytes) {
    const uint8_t* data = nullptr;
    ssize_t n = nghttp2_session_mem_send(session_, &data);
    if (n <= 0) break;
    out_.append(text(data, static_cast<size_t>(n)));
  }
  return !out_.empty();
}

Task<void> Http2Connection::writer() {
  Context ctx = scope_.context();
  while (!gone_) {
    dirty_ = false;
    if (!collect()) {
      bool over =
          nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
      if (over || (draining_ && running_ == 0)) break;
      if (dirty_) continue;
      async::Wake wake = co_await kick_.wait(ctx);
      if (wake != async::Wake::kWoken) break;
      continue;
    }
    writing_ = true;
    ++writes_begun_;
    Context bounded = ctx.with_timeout(limits::kHttpWriteTimeout);
    Result<void> sent = co_await stream_->write(std::move(bounded), out_);
    writing_ = false;
    writes_done_ = writes_begun_;
    sent_.wake_all();
    if (!sent) break;
    // Those whose bytes went out may go on.
    for (auto& [id, stream] : streams_) {
      if (stream->pending_.empty()) stream->writable_.wake_all();
    }
  }
  client_left("the connection is over");
}

void Http2Connection::client_left(const char* why) {
  if (gone_) return;
  gone_ = true;
  limit_.clear();
  scope_.cancel(why);
  stream_->close();
  kick_.wake_all();
  sent_.wake_all();
  for (auto& [id, stream] : streams_) {
    stream->readable_.wake_all();
    stream->writable_.wake_all();
  }
}

void Http2Connection::drain() {
  if (draining_ || gone_) return;
  draining_ = true;
  if (session_ != nullptr) {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                          nullptr, 0);
  }
  kick();
}

void Http2Connection::drop() { client_left("the connection was dropped"); }

}  // namespace drover::http
