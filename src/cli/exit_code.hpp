/// How the process ends (pipeline format, "Command line").
#pragma once

namespace baton::cli {

enum class ExitCode : int {
  good = 0,  ///< all succeeded, or up to date
  task_failed = 1,
  bad_input = 2,     ///< bad usage, or a bad document
  cancelled = 3,     ///< also when the run ended well in spite of it: Ctrl-C is never 0
  surroundings = 4,  ///< the state directory is held, the disk is full, no server answers, …
  detached = 5       ///< the run goes on, on its server
};

}  // namespace baton::cli
