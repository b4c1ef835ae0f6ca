/// One call of the command line: what was typed, where it runs, where words go; and the places that follow from these.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/exit_code.hpp"
#include "cli/house.hpp"
#include "cli/terminal.hpp"
#include "core/plan.hpp"

namespace baton::cli {

/// Paths are absolute.
struct Places {
  std::string file, dir, state, out;
  std::string name;   ///< the file's; for people
  ProjectId project;  ///< the same; with a server a UUID
};

struct Session {
  House& house;
  Terminal& terminal;
  Options options;
  Places places;
  std::unique_ptr<Server> server;  ///< null: the work is done here
  /// Documents as they were read, by the name that was typed: an error shows its line, and a FIFO gives its text but once.
  std::map<std::string, std::string> texts{};
};
[[nodiscard]] Places places_of(const Options& options);

/// The user's files, without Baton's own folders among them.
[[nodiscard]] Files& files_of(const Session& session);

/// A document as read, and what was selected of it.
struct Pipeline {
  std::string_view document;                  ///< its text, which the session keeps
  std::map<std::string, std::string> values;  ///< of --params and --set, each as text
  core::Project project;
  core::Selection selection;
};
/// Reads and parses the pipeline, values and selection. Nothing is written. Errors: input.*, usage.*.
[[nodiscard]] Result<Pipeline> load(Session& session);

/// The name that the document gives its pipeline. Errors: as load().
[[nodiscard]] Result<std::string> name_of_pipeline(Session& session);

/// `license-x=2,ram=8GiB`. Errors: usage.resources.
[[nodiscard]] Result<core::Resources> resources_from(std::string_view text);

/// Tells an error: for people on stderr, with its line of the document; with --json also as an object on stdout.
/// @return the code to end with: bad input or usage, or the surroundings
ExitCode tell(const Session& session, const Error& error);

}  // namespace baton::cli
