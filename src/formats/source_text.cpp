#include "formats/source_text.hpp"

namespace baton::formats {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::size_t start_of(std::string_view text) { return text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0; }

/// libyaml breaks lines at LF, CR LF, CR, NEL, LS and PS.
std::size_t break_length(std::string_view rest) {
  if (rest.starts_with("\r\n") || rest.starts_with("\xC2\x85")) return 2;
  if (rest.starts_with('\n') || rest.starts_with('\r')) return 1;
  return rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9") ? 3 : 0;
}

bool continues_a_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::size_t line_start(std::string_view text, std::uint32_t line) {
  std::size_t at = start_of(text);
  for (std::uint32_t seen = 1; seen < line && at < text.size();) {
    const auto length = break_length(text.substr(at));
    at += length == 0 ? 1 : length;
    if (length != 0) ++seen;
  }
  return at;
}

}  // namespace

core::Place place_at(std::string_view text, std::size_t offset) {
  core::Place place{1, 1};
  for (std::size_t at = start_of(text); at < text.size() && at < offset;) {
    const auto length = break_length(text.substr(at));
    if (length != 0) {
      place = {place.line + 1, 1};
      at += length;
      continue;
    }
    ++at;
    if (at >= text.size() || !continues_a_character(text[at])) ++place.column;
  }
  return place;
}

std::size_t offset_at(std::string_view text, core::Place place) {
  std::size_t at = line_start(text, place.line);
  for (std::uint32_t column = 1; column < place.column && at < text.size() && break_length(text.substr(at)) == 0; ++column) {
    do ++at;
    while (at < text.size() && continues_a_character(text[at]));
  }
  return at;
}

std::string_view line_at(std::string_view text, std::uint32_t line) {
  const auto start = line_start(text, line);
  auto end = start;
  while (end < text.size() && break_length(text.substr(end)) == 0) ++end;
  return text.substr(start, end - start);
}

core::Place find_from(std::string_view text, core::Place from, std::string_view needle) {
  const auto at = text.find(needle, offset_at(text, from));
  return at == std::string_view::npos ? from : place_at(text, at);
}

}  // namespace baton::formats
