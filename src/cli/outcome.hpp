/// What `run` says at the end.
#pragma once

#include "cli/progress.hpp"
#include "cli/session.hpp"

namespace baton::cli {

/// `run 3`.
[[nodiscard]] std::string number_of(const core::RunKey& run);
/// How the run ended, and how many of its tasks.
[[nodiscard]] std::string ending(const Session& session, const std::string& name, const RunView& run, const Progress& progress);
/// @param interrupted  a person has asked for its end
[[nodiscard]] ExitCode code_of(const RunView& run, bool interrupted);
/// The object of `--json`: each task of the pipeline, whether it was run now or not.
awaitable<Result<void>> print_run_json(Session& session, Records& records, const core::Project& project,
                                       std::optional<RunView> run);

}  // namespace baton::cli
