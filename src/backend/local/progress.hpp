/// Progress that a step tells in its log (C§10.14, SD-2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace baton::local {

/// What a line tells, 0 to 1; nothing: it tells none. With `progress` in front, in brackets or not, whatever the case: `44%`,
/// `44 percent`, `44/150`, `0.3`, `.34`, `1`; without it: `44%` and `44 percent` alone. An ISO 8601 time may stand before all.
[[nodiscard]] std::optional<double> progress_in(std::string_view line);
/// Of the last line that tells any; an unfinished last line counts.
[[nodiscard]] std::optional<double> last_progress_in(std::string_view text);

/// Reads what a log has grown by.
class LogTail {
 public:
  explicit LogTail(std::string path) : path_(std::move(path)) {}
  /// The newest progress told since the last call. Never reads more than the last 64 KiB.
  [[nodiscard]] std::optional<double> read();

 private:
  std::string path_;
  std::uint64_t at_ = 0;
};

}  // namespace baton::local
