#include "formats/show_error.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "formats/source_text.hpp"

namespace baton::formats {
namespace {

constexpr std::size_t shown_columns_max = 100;
constexpr std::size_t columns_before_max = 60;  // of a long line, before the place
constexpr std::size_t code_column = 72;

std::optional<std::uint32_t> number_after(std::string_view text, std::size_t colon) {
  std::uint32_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, number);
  return error == std::errc() && stopped == end && number > 0 ? std::optional(number) : std::nullopt;
}

/// `line:column` at the end of `where`.
std::optional<core::Place> place_in(std::string_view where) {
  const auto second = where.rfind(':');
  if (second == std::string_view::npos || second == 0) return std::nullopt;
  const auto first = where.rfind(':', second - 1);
  if (first == std::string_view::npos) return std::nullopt;
  const auto line = number_after(where.substr(0, second), first);
  const auto column = number_after(where, second);
  return line && column ? std::optional(core::Place{*line, *column}) : std::nullopt;
}

/// One text per character, each safe to print.
std::vector<std::string> characters_of(std::string_view line) {
  std::vector<std::string> characters;
  for (const char letter : line) {
    const auto byte = static_cast<unsigned char>(letter);
    if ((byte & 0xC0U) == 0x80U && !characters.empty()) {
      characters.back() += letter;
    } else {
      characters.emplace_back(1, byte == '\t' ? ' ' : byte < 0x20 || byte == 0x7F ? '?' : letter);
    }
  }
  for (auto& character : characters) {
    const auto lead = static_cast<unsigned char>(character[0]);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
    const bool control = lead == 0xC2 && static_cast<unsigned char>(character.back()) < 0xA0;
    if (character.size() != length || lead > 0xF4 || control) character = "?";
  }
  return characters;
}

/// The length of the word at `at`: to the closing quote, to the brace that closes `${`, or as a plain YAML scalar ends.
std::size_t word_length(const std::vector<std::string>& line, std::size_t at) {
  if (at >= line.size()) return 1;
  const auto& first = line[at];
  const auto to = [&](const std::string& last) {
    const auto end = std::find(line.begin() + static_cast<std::ptrdiff_t>(at) + 1, line.end(), last);
    return end == line.end() ? std::size_t{1} : static_cast<std::size_t>(end - line.begin()) - at + 1;
  };
  if (first == "\"" || first == "'") return to(first);
  if (first == "$" && at + 1 < line.size() && line[at + 1] == "{") return to("}");
  auto end = at;
  int open = 0;  // `align[*, ${foreach.x}].bam` and `[a, b]` are one word each
  for (; end < line.size(); ++end) {
    const auto& letter = line[end];
    const bool closes = letter == "]" || letter == "}";
    if (open == 0 && (closes || letter == " " || letter == ",")) break;
    if (open == 0 && letter == ":" && (end + 1 == line.size() || line[end + 1] == " ")) break;
    if (letter == "[" || letter == "{") ++open;
    if (closes) --open;
  }
  return std::max<std::size_t>(1, end - at);
}

std::string with_source(const std::string& where, core::Place place, std::string_view source) {
  auto line = characters_of(source);
  std::size_t at = std::min<std::size_t>(place.column - 1, line.size());
  std::size_t length = word_length(line, at);
  if (line.size() > shown_columns_max) {
    const auto start = at > columns_before_max ? at - columns_before_max : 0;
    const auto end = std::min(line.size(), start + shown_columns_max);
    const bool cut = end < line.size();
    line = std::vector(line.begin() + static_cast<std::ptrdiff_t>(start), line.begin() + static_cast<std::ptrdiff_t>(end));
    if (start > 0) line.front() = "…";
    if (cut) line.back() = "…";
    at -= start;
    length = std::min(length, line.size() - std::min(at, line.size() - 1));
  }
  std::string shown = "  " + where + " | ";
  for (const auto& character : line) shown += character;
  const auto columns =
      std::count_if(where.begin(), where.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
  shown += "\n" + std::string(static_cast<std::size_t>(columns) + 2, ' ') + " | ";
  return shown + std::string(at, ' ') + std::string(length, '^') + "\n";
}

}  // namespace

std::string show(const Error& error, std::string_view text) {
  std::string shown = "error: " + error.what + "\n";
  const auto place = place_in(error.where);
  const auto source = place ? line_at(text, place->line) : std::string_view();
  if (!source.empty()) {
    shown += with_source(error.where, *place, source);
  } else if (!error.where.empty()) {
    shown += "  " + error.where + "\n";
  }
  if (!error.way_out.empty()) shown += "  " + error.way_out + "\n";
  const std::string nothing = "  Nothing was started.";
  return shown + nothing + std::string(code_column - nothing.size(), ' ') + "[" + error.code + "]\n";
}

}  // namespace baton::formats
