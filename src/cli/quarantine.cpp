#include <charconv>
#include <optional>
#include <utility>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "core/time_text.hpp"

namespace baton::cli {
namespace {

std::optional<std::int64_t> number_from(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  return wrong == std::errc() && end == text.data() + text.size() && number > 0 ? std::optional(number) : std::nullopt;
}

/// `USER:PROJECT:ITERATION`, as core::to_text writes it.
Result<core::RunKey> key_from(const std::string& text) {
  const auto first = text.find(':'), last = text.rfind(':');
  const auto user = first == last ? std::nullopt : number_from(std::string_view(text).substr(0, first));
  const auto iteration = first == last ? std::nullopt : number_from(std::string_view(text).substr(last + 1));
  if (!user || !iteration || last - first < 2)
    return fail({.code = "usage.run",
                 .what = "'" + text + "' is not USER:PROJECT:ITERATION",
                 .where = {},
                 .way_out = "`baton quarantine list` shows them"});
  return core::RunKey{
      .user = UserId(*user), .project = ProjectId(text.substr(first + 1, last - first - 1)), .iteration = Iteration(*iteration)};
}

std::string held_text(const std::vector<RunView>& runs) {
  if (runs.empty()) return "no run is held\n";
  Table table;
  table.add({"RUN", "RESULT", "CREATED", "LAST FAILURE"});
  for (const auto& run : runs)
    table.add({printable(core::to_text(run.key)), std::string(core::to_text(run.record.result)),
               core::to_text(run.record.created), printable(run.last_failure)});
  return table.text();
}

}  // namespace

awaitable<ExitCode> quarantine(Session& session) {
  if (session.options.action == "list") {
    const auto runs = co_await session.server->held();
    if (!runs) co_return tell(session, runs.error());
    session.terminal.data(session.options.json ? held_json(*runs) : held_text(*runs));
    co_return ExitCode::good;
  }
  const auto key = key_from(session.options.held_run);
  if (!key) co_return tell(session, key.error());
  const auto released = co_await session.server->release_held(*key);
  if (!released) co_return tell(session, released.error());
  session.terminal.talk(printable_name(core::to_text(*key)) + ": goes on\n");
  if (session.options.json) session.terminal.data(held_json({}));
  co_return ExitCode::good;
}

}  // namespace baton::cli
