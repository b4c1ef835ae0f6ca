#include "cli/terminal.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace baton::cli {
namespace {

/// All of it, or as much as the reader takes: one that has gone (EPIPE) is no reason to stop running tasks. errno of what went wrong, or 0.
int write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// The length of the UTF-8 sequence at the start of `text`; 0 = none that may be shown.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = byte(0);
  if (lead < 0x80) return lead < 0x20 || lead == 0x7F ? 0 : 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  return lead == 0xC2 && byte(1) < 0xA0 ? 0 : length;  // C1 controls begin escape sequences
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

Terminal::Terminal() {
  const auto* no_colour = std::getenv("NO_COLOR");
  const auto* kind = std::getenv("TERM");
  colours_ = ::isatty(STDERR_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0') &&
             (kind == nullptr || std::string_view(kind) != "dumb");
}

void Terminal::data(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (unwritten_ == 0 && error != EPIPE) unwritten_ = error;
}
void Terminal::talk(std::string_view text) { static_cast<void>(write_all(STDERR_FILENO, text)); }

bool Terminal::is_read() const {
  pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return ::poll(&out, 1, 0) <= 0 || (out.revents & POLLERR) == 0;
}

std::string Terminal::coloured(Colour colour, std::string_view text) const {
  if (!colours_ || colour == Colour::plain) return std::string(text);
  const std::string_view code = colour == Colour::good ? "\033[32m" : colour == Colour::bad ? "\033[31m" : "\033[2m";
  return std::string(code).append(text).append("\033[0m");
}

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const auto length = text[0] == '\n' || text[0] == '\t' ? 1 : sequence_length(text);
    if (length == 0)
      shown += '?';
    else
      shown.append(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return shown;
}

std::string printable_name(std::string_view text) {
  auto shown = printable(text);
  std::ranges::replace_if(shown, [](char c) { return c == '\n' || c == '\t'; }, '?');
  return shown;
}

std::string counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text += std::string(widths[i] - columns_of(row[i]) + 2, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace baton::cli
