#pragma once
// A client made of nghttp2's own client session, so that what is tested is not judged by itself.

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/sim_loop.h"
#include "http/memory_net.h"

namespace drover::http {

/// Over a stream in memory.
class H2Client {
 public:
  struct Answer {
    std::map<std::string, std::string> headers;
    std::string body;
    bool ended = false;
    bool closed = false;
    uint32_t error = 0;
  };

  H2Client(async::SimLoop& loop, std::unique_ptr<MemoryStream> stream, bool consume = true)
      : loop_(loop), stream_(std::move(stream)) {
    nghttp2_session_callbacks* cb = nullptr;
    nghttp2_session_callbacks_new(&cb);
    nghttp2_session_callbacks_set_on_header_callback(
        cb, [](nghttp2_session*, const nghttp2_frame* f, const uint8_t* n, size_t ns,
               const uint8_t* v, size_t vs, uint8_t, void* user) {
          static_cast<H2Client*>(user)
              ->answers[f->hd.stream_id]
              .headers[std::string(reinterpret_cast<const char*>(n), ns)] =
              std::string(reinterpret_cast<const char*>(v), vs);
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        cb, [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* d, size_t n, void* user) {
          static_cast<H2Client*>(user)->answers[id].body.append(reinterpret_cast<const char*>(d),
                                                                n);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        cb, [](nghttp2_session*, const nghttp2_frame* f, void* user) {
          H2Client& me = *static_cast<H2Client*>(user);
          if (f->hd.flags & NGHTTP2_FLAG_END_STREAM) me.answers[f->hd.stream_id].ended = true;
          if (f->hd.type == NGHTTP2_GOAWAY) {
            me.goaway = true;
            me.goaway_error = f->goaway.error_code;
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        cb, [](nghttp2_session*, int32_t id, uint32_t error, void* user) {
          Answer& a = static_cast<H2Client*>(user)->answers[id];
          a.closed = true;
          a.error = error;
          return 0;
        });
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    if (!consume) nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_session_client_new2(&session, cb, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
    nghttp2_submit_settings(session, 0, nullptr, 0);
  }
  ~H2Client() { nghttp2_session_del(session); }

  int32_t request(const std::string& method, const std::string& path,
                  const std::string* body = nullptr,
                  std::vector<std::pair<std::string, std::string>> more = {}) {
    std::vector<std::pair<std::string, std::string>> all = {
        {":method", method}, {":scheme", "http"}, {":authority", "auth.example"}, {":path", path}};
    all.insert(all.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> nva;
    for (auto& [n, v] : all) {
      nva.push_back(nghttp2_nv{reinterpret_cast<uint8_t*>(n.data()),
                               reinterpret_cast<uint8_t*>(v.data()), n.size(), v.size(), 0});
    }
    nghttp2_data_provider provider;
    provider.source.ptr = const_cast<std::string*>(body);
    provider.read_callback = [](nghttp2_session* s, int32_t id, uint8_t* buf, size_t len,
                                uint32_t* flags, nghttp2_data_source* src, void* user) -> ssize_t {
      H2Client& me = *static_cast<H2Client*>(user);
      const std::string& text = *static_cast<std::string*>(src->ptr);
      size_t& at = me.uploaded[id];
      size_t n = std::min(len, text.size() - at);
      memcpy(buf, text.data() + at, n);
      at += n;
      if (at == text.size()) {
        if (me.hold_end)
          return n == 0 ? static_cast<ssize_t>(NGHTTP2_ERR_DEFERRED) : static_cast<ssize_t>(n);
        *flags |= NGHTTP2_DATA_FLAG_EOF;
      }
      return static_cast<ssize_t>(n);
    };
    return nghttp2_submit_request(session, nullptr, nva.data(), nva.size(),
                                  body == nullptr ? nullptr : &provider, nullptr);
  }
  /// Exchanges bytes until nothing moves.
  void pump() {
    for (int i = 0; i < 1000; ++i) {
      bool moved = false;
      const uint8_t* data = nullptr;
      for (ssize_t n; (n = nghttp2_session_mem_send(session, &data)) > 0; moved = true) {
        stream_->out()->bytes.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
      }
      stream_->out()->readable.wake_all();
      loop_.run_for(Duration(0));
      std::string in = std::exchange(stream_->in()->bytes, std::string());
      stream_->in()->writable.wake_all();
      if (!in.empty()) {
        moved = true;
        nghttp2_session_mem_recv(session, reinterpret_cast<const uint8_t*>(in.data()), in.size());
      }
      if (!moved) return;
    }
    ADD_FAILURE() << "does not come to rest";
  }
  void raw(std::string_view bytes) {
    stream_->out()->bytes.append(bytes);
    stream_->out()->readable.wake_all();
    loop_.run_for(Duration(0));
  }
  MemoryStream& stream() { return *stream_; }

  nghttp2_session* session = nullptr;
  std::map<int32_t, Answer> answers;
  std::map<int32_t, size_t> uploaded;
  bool hold_end = false;
  bool goaway = false;
  uint32_t goaway_error = 0;

 private:
  async::SimLoop& loop_;
  std::unique_ptr<MemoryStream> stream_;
};

}  // namespace drover::http
