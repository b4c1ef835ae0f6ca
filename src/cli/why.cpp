#include <algorithm>
#include <optional>
#include <utility>

#include "cli/commands.hpp"
#include "cli/remote.hpp"
#include "core/explain.hpp"
#include "scheduling/why.hpp"
#include "wire/plans.hpp"
#include "wire/read_plans.hpp"

namespace baton::cli {
namespace {

std::string why_text(const std::vector<core::Explained>& nodes) {
  std::string text;
  for (const auto& [node, lines] : nodes) {
    text += printable(node.value()) + "\n";
    Table table;
    std::optional<core::Topic> last;
    for (const auto& line : lines) {
      auto shown = printable(line.text);
      shown.erase(shown.find_last_not_of('\n') + 1);
      auto topic = last == line.topic ? std::string() : std::string(core::to_text(line.topic));
      last = line.topic;
      for (std::size_t at = 0; at <= shown.size();) {  // a command of many lines stands below itself
        const auto end = std::min(shown.find('\n', at), shown.size());
        table.add({"  " + std::exchange(topic, std::string()), shown.substr(at, end - at)});
        at = end + 1;
      }
    }
    text += table.text();
  }
  return text;
}

awaitable<ExitCode> why_at_server(Session& session, const Pipeline& pipeline) {
  const auto put = co_await put_project(session, pipeline);
  if (!put) co_return tell(session, put.error());
  const auto json = co_await session.server->why(session.places.project, session.options.nodes);
  if (!json) co_return tell(session, as_typed(session, json.error()));
  const auto explained = wire::why_from(*json);
  if (!explained) co_return tell(session, not_understood(explained.error()));
  session.terminal.data(session.options.json ? *json : why_text(*explained));
  co_return ExitCode::good;
}

}  // namespace

awaitable<ExitCode> why(Session& session) {
  const auto pipeline = load(session);
  if (!pipeline) co_return tell(session, pipeline.error());
  if (session.server) {
    const auto code = co_await why_at_server(session, *pipeline);
    co_return code;
  }
  const auto store = session.house.read(session.places.state);
  if (!store) co_return tell(session, store.error());
  const Request request{.project = pipeline->project, .user = UserId(1), .id = session.places.project, .out = session.places.out};
  const auto explained =
      co_await explain_nodes(**store, files_of(session), request, pipeline->selection.nodes, session.house.runtime().wall());
  if (!explained) co_return tell(session, explained.error());
  session.terminal.data(session.options.json ? wire::why_json(*explained) : why_text(*explained));
  co_return ExitCode::good;
}

}  // namespace baton::cli
