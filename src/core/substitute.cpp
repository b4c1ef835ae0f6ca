#include "core/substitute.hpp"

#include <array>

#include "core/json_reader.hpp"

namespace baton::core {

namespace {

constexpr std::size_t name_bytes_max = 100;
constexpr std::size_t space_bytes_max = 9;  // `resources`
constexpr std::array<std::string_view, 5> spaces_of_names{"inputs", "outputs", "params", "foreach", "resources"};

constexpr bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// `[A-Za-z_][A-Za-z0-9_.-]{0,99}`
bool is_name(std::string_view text) {
  if (text.empty() || text.size() > name_bytes_max || (!is_letter(text[0]) && text[0] != '_')) return false;
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c) && c != '_' && c != '.' && c != '-') return false;
  }
  return true;
}

/// The letters of a word that every shell takes as they are.
bool is_bare(std::string_view text) {
  constexpr std::string_view others = "_@%+=:,./-";
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c) && others.find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

bool is_reference(std::string_view space, std::string_view name) {
  if (space == "node") return name == "id" || name == "attempt";
  for (const auto known : spaces_of_names) {
    if (space == known) return is_name(name);
  }
  return false;
}

}  // namespace

std::vector<Reference> references(std::string_view text) {
  std::vector<Reference> found;
  for (auto at = text.find("${"); at != std::string_view::npos; at = text.find("${", at + 2)) {
    const auto window = text.substr(at + 2, space_bytes_max + 1 + name_bytes_max + 1);
    const auto end = window.find('}');
    if (end == std::string_view::npos) continue;
    const auto inside = window.substr(0, end);
    const auto dot = inside.find('.');
    if (dot == std::string_view::npos) continue;
    const auto space = inside.substr(0, dot);
    const auto name = inside.substr(dot + 1);
    if (is_reference(space, name)) found.push_back({.space = std::string(space), .name = std::string(name), .at = at});
  }
  return found;
}

std::string substitute(std::string_view text, Quoting quoting, const Lookup& lookup) {
  constexpr std::size_t punctuation = 4;  // `${`, `.` and `}`
  std::string out;
  std::size_t done = 0;
  for (const auto& reference : references(text)) {
    out += text.substr(done, reference.at - done);
    done = reference.at + reference.space.size() + reference.name.size() + punctuation;
    bool first = true;
    for (const auto& word : lookup(reference.space, reference.name)) {
      if (!first) out += ' ';
      first = false;
      out += quoting == Quoting::shell ? shell_word(word) : word;
    }
  }
  out += text.substr(done);
  return out;
}

std::string shell_word(std::string_view text) {
  if (is_bare(text)) return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::vector<std::string> words_of(std::string_view json) {
  JsonReader reader(json);
  const auto word = [&reader]() -> std::optional<std::string> {
    if (reader.peek() == '"') return reader.string();
    const auto text = reader.value();
    return text ? std::optional<std::string>(*text) : std::nullopt;
  };
  if (reader.peek() != '[') return {word().value_or(std::string(json))};
  std::vector<std::string> words;
  (void)reader.take('[');
  if (reader.take(']')) return words;
  do {
    auto element = word();
    if (!element) return {std::string(json)};  // not JSON after all: the text itself is the word
    words.push_back(std::move(*element));
  } while (reader.take(','));
  return words;
}

}  // namespace baton::core
