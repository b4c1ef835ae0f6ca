/// What was typed: words to options. Knows all commands, their options and their help; knows nothing of runs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "cli/exit_code.hpp"

namespace baton::cli {

enum class Verb : std::uint8_t { run, plan, why, status, history, logs, cancel, quarantine, version };

struct Options {
  Verb verb = Verb::version;
  std::string file;                ///< as typed
  std::vector<std::string> nodes;  ///< as typed: a step, or one task `align[a]`
  std::vector<std::string> set;    ///< `K=V`, in order; the last one wins
  std::string params;              ///< a file; empty = none
  std::string state, out;          ///< empty = beside the file
  std::string resources;           ///< `license-x=2,ram=8GiB`; empty = what the machine has
  std::optional<std::uint32_t> jobs;
  std::optional<double> simulate;  ///< the scale; set = nothing is really run
  std::uint32_t newest = 20;       ///< runs that `history` shows
  std::string server;              ///< `URL[,URL…]`; empty = here, without a server
  std::string project;             ///< with a server: the project's UUID; empty = it follows from user and name
  std::optional<std::int64_t> user;
  std::string action, held_run;  ///< of `quarantine`: `list`, or `release` and `USER:PROJECT:ITERATION`
  bool keep_going = false, force = false, dry_run = false, json = false, follow = false, cancel_on_interrupt = false;
};

/// Nothing more is to be done: `text` is what was asked for (help, version; code good) or what is wrong with the words.
struct Answer {
  ExitCode code = ExitCode::good;
  std::string text;
};

/// @param words  the command line without the name of the binary
[[nodiscard]] std::variant<Options, Answer> parse_arguments(std::span<const std::string> words);

}  // namespace baton::cli
