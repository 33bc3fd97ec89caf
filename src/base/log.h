#pragma once
// Logging for operators: one line an event, to stderr, as text or JSON. Never secrets, never
// payloads. Formatting uses fmt; spdlog stays inside log.cc.
//
//   LOG_INFO("listening on {}", address);

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace drover {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat { kText, kJson };

/// Sets up the process's log. Safe to call again (SIGHUP).
void configure_log(LogLevel level, LogFormat format);
bool log_enabled(LogLevel level);
void log_line(LogLevel level, std::string_view text);

}  // namespace drover

#define DROVER_LOG(level, ...)                                                             \
  do {                                                                                     \
    if (::drover::log_enabled(level)) ::drover::log_line(level, fmt::format(__VA_ARGS__)); \
  } while (0)
#define LOG_DEBUG(...) DROVER_LOG(::drover::LogLevel::kDebug, __VA_ARGS__)
#define LOG_INFO(...) DROVER_LOG(::drover::LogLevel::kInfo, __VA_ARGS__)
#define LOG_WARN(...) DROVER_LOG(::drover::LogLevel::kWarn, __VA_ARGS__)
#define LOG_ERROR(...) DROVER_LOG(::drover::LogLevel::kError, __VA_ARGS__)
