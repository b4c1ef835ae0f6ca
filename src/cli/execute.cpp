#include <utility>

#include "cli/commands.hpp"
#include "cli/json.hpp"

namespace baton::cli {

awaitable<ExitCode> execute(House& house, Terminal& terminal, Options options) {
  auto places = places_of(options);
  Session session{.house = house, .terminal = terminal, .options = std::move(options), .places = std::move(places)};
  auto code = ExitCode::good;
  switch (session.options.verb) {
    case Verb::run:
      if (session.options.dry_run)
        code = co_await plan(session);
      else
        code = co_await run(session);
      break;
    case Verb::plan: code = co_await plan(session); break;
    case Verb::why: code = co_await why(session); break;
    case Verb::status: code = co_await status(session); break;
    case Verb::history: code = co_await history(session); break;
    case Verb::logs: code = co_await logs(session); break;
    case Verb::cancel: code = co_await cancel(session); break;
    case Verb::version: terminal.data(session.options.json ? version_json() : std::string("baton " BATON_VERSION "\n")); break;
  }
  co_return code;
}

}  // namespace baton::cli
