#include "backend/local/progress.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace baton::local {
namespace {

constexpr std::uint64_t tail_bytes_max = 64 * 1024;
constexpr std::uint64_t line_bytes_max = 256;  // before the growth: where a line that was half there began

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}
bool skip(std::string_view& text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  for (std::size_t i = 0; i < lower_case.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != lower_case[i]) return false;
  }
  text.remove_prefix(lower_case.size());
  return true;
}

/// `2021-12-10T15:54:34.123Z `, with a blank for the T, an offset for the Z, or neither.
void skip_time(std::string_view& text) {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < shape.size()) return;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool fits = shape[i] == 'd' ? is_digit(text[i]) : text[i] == shape[i] || (shape[i] == 'T' && text[i] == ' ');
    if (!fits) return;
  }
  text.remove_prefix(shape.size());
  while (!text.empty() && (is_digit(text.front()) || text.front() == '.' || text.front() == ',' || text.front() == 'Z' ||
                           text.front() == '+' || text.front() == ':' || text.front() == '-'))
    text.remove_prefix(1);
  skip_blanks(text);
}

bool skip_mark(std::string_view& text) {
  const auto before = text;
  const bool bracket = skip(text, "[");
  if (!skip(text, "progress") || (bracket && !skip(text, "]"))) return text = before, false;
  skip_blanks(text);
  if (!skip(text, ":") && !bracket && !(before.size() > text.size() && before[before.size() - text.size() - 1] == ' '))
    return text = before, false;  // `progressing 5`: the word goes on
  skip_blanks(text);
  return true;
}

std::optional<double> number(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_digit(text[size])) ++size;
  if (size < text.size() && text[size] == '.') {
    ++size;
    while (size < text.size() && is_digit(text[size])) ++size;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + size, value, std::chars_format::fixed);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<double> in_range(double value) { return value >= 0 && value <= 1 ? std::optional(value) : std::nullopt; }

}  // namespace

std::optional<double> progress_in(std::string_view line) {
  skip_blanks(line);
  skip_time(line);
  const bool marked = skip_mark(line);
  const auto value = number(line);
  if (!value) return std::nullopt;
  auto rest = line;
  skip_blanks(rest);
  if (skip(rest, "%") || skip(rest, "percent")) return in_range(*value / 100);
  if (!marked) return std::nullopt;
  if (skip(rest, "/")) {
    skip_blanks(rest);
    const auto whole = number(rest);
    return whole && *whole > 0 ? in_range(*value / *whole) : std::nullopt;
  }
  if (!line.empty() && line.front() != ' ' && line.front() != '\t' && line.front() != '\r') return std::nullopt;  // `0.5abc`
  return in_range(*value);
}

std::optional<double> last_progress_in(std::string_view text) {
  while (!text.empty()) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    const auto start = text.find_last_of("\r\n");  // progress bars rewrite their line
    const auto line = start == std::string_view::npos ? text : text.substr(start + 1);
    if (const auto progress = progress_in(line)) return progress;
    if (start == std::string_view::npos) break;
    text = text.substr(0, start);
  }
  return std::nullopt;
}

std::optional<double> LogTail::read() {
  struct stat seen{};
  if (::stat(path_.c_str(), &seen) != 0) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(seen.st_size);
  if (size <= at_) return std::nullopt;
  const auto grown = std::min(size - at_, tail_bytes_max);
  const auto from = size - grown - std::min(size - grown, line_bytes_max);
  std::string text(static_cast<std::size_t>(size - from), '\0');
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  const auto read = ::pread(file, text.data(), text.size(), static_cast<off_t>(from));
  ::close(file);
  if (read <= 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(read));
  std::string_view whole = text;
  if (from > 0) whole.remove_prefix(std::min(whole.find('\n'), whole.size()));  // the first line may be cut
  at_ = size;
  return last_progress_in(whole);
}

}  // namespace baton::local
