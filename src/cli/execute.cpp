#include <cstring>
#include <string>
#include <utility>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/remote.hpp"

namespace baton::cli {

awaitable<ExitCode> execute(House& house, Terminal& terminal, Options options) {
  auto places = places_of(options);
  Session session{.house = house, .terminal = terminal, .options = std::move(options), .places = std::move(places), .server = {}};
  if (!session.options.server.empty()) {
    const auto reached = reach_server(session);
    if (!reached) co_return tell(session, reached.error());
  }
  auto code = ExitCode::good;
  switch (session.options.verb) {
    case Verb::run:
      if (session.options.dry_run)
        code = co_await plan(session);
      else if (session.server)
        code = co_await run_at_server(session);
      else
        code = co_await run(session);
      break;
    case Verb::plan: code = co_await plan(session); break;
    case Verb::why: code = co_await why(session); break;
    case Verb::status: code = co_await status(session); break;
    case Verb::history: code = co_await history(session); break;
    case Verb::logs: code = co_await logs(session); break;
    case Verb::cancel:
      if (session.server)
        code = co_await cancel_at_server(session);
      else
        code = co_await cancel(session);
      break;
    case Verb::quarantine: code = co_await quarantine(session); break;
    case Verb::version: terminal.data(session.options.json ? version_json() : std::string("baton " BATON_VERSION "\n")); break;
  }
  if (code == ExitCode::good && terminal.unwritten() != 0)
    co_return tell(session,
                   {.code = "output.unwritten",
                    .what = std::string("what was asked for could not be written: ") + std::strerror(terminal.unwritten()),
                    .where = "stdout",
                    .way_out = {}});
  co_return code;
}

}  // namespace baton::cli
