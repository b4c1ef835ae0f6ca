/// `${inputs.P} ${outputs.P} ${params.P} ${foreach.V} ${resources.R} ${node.id} ${node.attempt}` in `run` and `env`; nothing else that
/// begins with `$` is touched (pipeline format, "Substitution").
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace baton::core {

/// One `${space.name}` as it stands in a text; `at` in bytes.
struct Reference {
  std::string space;
  std::string name;
  std::size_t at = 0;
};
/// All references of a text, in order. `${HOME}`, `$x`, `${inputs}` and the like are none: they stay as they are.
[[nodiscard]] std::vector<Reference> references(std::string_view text);

enum class Quoting : std::uint8_t {
  shell,  ///< a string `run`: bare where made only of letters, digits and `_@%+=:,./-`, else one shell word; a list: a word per element
  none  ///< argv and env: as it is; a list: its elements joined by a space
};
/// The value of a reference as plain words: one, or one per element of a list. Called only with what `references` gives; must know all.
using Lookup = std::function<std::vector<std::string>(std::string_view space, std::string_view name)>;
[[nodiscard]] std::string substitute(std::string_view text, Quoting quoting, const Lookup& lookup);

/// One shell word, quoted where it must be.
[[nodiscard]] std::string shell_word(std::string_view text);
/// A value as a plain word: a string without its quotes, everything else as its JSON text. A list gives its elements.
[[nodiscard]] std::vector<std::string> words_of(std::string_view json);

}  // namespace baton::core
