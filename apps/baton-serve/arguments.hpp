/// The words of `baton serve` and `baton migrate`.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "settings/settings.hpp"

namespace baton::serve {

enum class Verb { serve, migrate };
struct Options {
  Verb verb = Verb::serve;
  settings::Sources sources;  ///< the environment is this process's
  bool print_config = false;  ///< serve: show what holds, and end
  bool check = false;         ///< migrate: say what is missing, and change nothing
};
/// Nothing more is to be done: help, or what is wrong with the words.
struct Answer {
  int code = 0;
  std::string text;
};

/// @param words  without the name of the binary; reads `--config`
[[nodiscard]] std::variant<Options, Answer> parse_arguments(std::span<const std::string> words);

}  // namespace baton::serve
