/// The commands: each does one thing for one call, and gives the code to end with.
#pragma once

#include "cli/exit_code.hpp"
#include "cli/session.hpp"
#include "ports/runtime.hpp"

namespace baton::cli {

/// The whole command line but its words: chooses the command and runs it.
awaitable<ExitCode> execute(House& house, Terminal& terminal, Options options);

awaitable<ExitCode> run(Session& session);
awaitable<ExitCode> run_at_server(Session& session);
awaitable<ExitCode> plan(Session& session);
awaitable<ExitCode> why(Session& session);
awaitable<ExitCode> status(Session& session);
awaitable<ExitCode> history(Session& session);
awaitable<ExitCode> logs(Session& session);
awaitable<ExitCode> cancel(Session& session);
awaitable<ExitCode> cancel_at_server(Session& session);
awaitable<ExitCode> quarantine(Session& session);

}  // namespace baton::cli
