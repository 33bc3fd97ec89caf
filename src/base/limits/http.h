#pragma once
// Limits of HTTP, server-sent events and event streams: what each limits, its unit, and what
// happens when it is reached.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::limits {

/// Bytes of a request line and all headers together; larger: 431.
inline constexpr size_t kHttpHeaderBytesMax = 64u << 10;
/// Number of headers; more: 431.
inline constexpr size_t kHttpHeaderCountMax = 100;
/// Bytes of a request body the gateway accepts; larger: 413.
inline constexpr size_t kHttpBodyBytesMax = 32u << 20;
/// Bytes of one buffered answer of an upstream; larger: the attempt fails.
inline constexpr size_t kHttpAnswerBytesMax = 64u << 20;
/// Open client connections of one listener; further ones wait in the kernel's backlog.
inline constexpr size_t kHttpConnectionsMax = 16'384;
/// Idle upstream connections kept per origin; the oldest is closed.
inline constexpr size_t kHttpIdlePerOriginMax = 1'024;
/// Idle upstream connections kept over all origins; the oldest is closed.
inline constexpr size_t kHttpIdleTotalMax = 4'096;
/// An idle upstream connection is closed after this time.
inline constexpr Duration kHttpClientIdleTimeout = 55s;
/// Interim (1xx) answers before the final one; more: the call fails.
inline constexpr int kHttpInterimMax = 16;
/// Concurrent streams of one HTTP/2 connection.
inline constexpr uint32_t kHttp2StreamsMax = 256;
/// A client must have sent its headers, and each part of its body, within this time.
inline constexpr Duration kHttpReadTimeout = 30s;
/// A kept-alive connection without a request is closed after this time.
inline constexpr Duration kHttpIdleTimeout = 120s;
/// A peer must take each part that we write within this time; then the connection is closed.
inline constexpr Duration kHttpWriteTimeout = 60s;

/// After an answer that ends a connection, what the client still sends is read and thrown away, so
/// that the answer is not lost to a reset: until the client ends, is silent for this time, or one
/// of the two totals is reached. Many clients read the answer only once they have sent all.
inline constexpr Duration kHttpLingerSilence = 2s;
inline constexpr Duration kHttpLingerTotal = 30s;
inline constexpr size_t kHttpLingerTotalBytesMax = size_t{1} << 30;

// Streams.
/// Bytes of one server-sent event; larger: the stream fails.
inline constexpr size_t kSseEventBytesMax = 8u << 20;
/// Bytes of one AWS event-stream message (the service's own limit is 16 MiB).
inline constexpr size_t kEventStreamBytesMax = 16u << 20;
/// Bytes of all headers of one AWS event-stream message (the service's own limit).
inline constexpr size_t kEventStreamHeaderBytesMax = 128u << 10;
/// Bytes of one JSON-RPC line on a tool's standard output; larger: the tool is ended.
inline constexpr size_t kJsonRpcLineBytesMax = 32u << 20;

}  // namespace drover::limits
