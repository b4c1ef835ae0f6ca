#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/past.hpp"
#include "cli/remote.hpp"
#include "formats/nearest.hpp"

namespace baton::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t runs_searched_max = 1000;
constexpr auto look_every = 200ms;

/// Whose log is wanted, and where that stands in the newest run that had it.
struct Source {
  NodeId node;
  core::RunKey run;
  Index task = 0;
  std::int32_t attempt = 0;  ///< whose log it is; 0: that of the attempt which last succeeded
  std::string log;           ///< of the newest attempt; empty: it has not begun to write
  bool ended = false;        ///< nothing more will come
};

bool names(const std::string& word, const NodeId& node) {
  return node.value() == word || (node.value().starts_with(word + "[") && node.value().ends_with("]"));
}

void take(Source& source, const core::TaskRecord& record) {
  source.ended = core::is_final(record.state);
  const bool of_success = record.log.empty() && record.success;
  source.log = of_success ? record.success->log : record.log;
  source.attempt = of_success ? 0 : record.attempt;
}

Error unknown_node(const std::string& word, const std::vector<NodeView>& nodes) {
  std::vector<std::string_view> known;
  for (const auto& node : nodes) known.emplace_back(node.node.value());
  if (known.empty())
    return {.code = "usage.no_run", .what = "there is no run yet, so no log", .way_out = "`baton run` makes one"};
  return {.code = "usage.unknown_node",
          .what = "no run had a node " + formats::quote(word),
          .way_out = formats::suggestion("nodes", word, known)};
}

/// One for each task that the word names.
awaitable<Result<std::vector<Source>>> sources_of(Records& store, ProjectId project, std::string word) {
  const auto nodes = co_await store.nodes(project);
  if (!nodes) co_return fail(nodes.error());
  const auto runs = co_await store.runs(project, runs_searched_max);
  if (!runs) co_return fail(runs.error());
  std::vector<Source> sources;
  for (const auto& run : *runs) {
    std::vector<NodeId> wanted;
    for (const auto& node : *nodes)
      if (names(word, node.node) && node.run == run.id) wanted.push_back(node.node);
    if (wanted.empty()) continue;
    const auto tasks = co_await store.tasks(run.key, Fence::none());
    if (!tasks) co_return fail(tasks.error());
    for (const auto& task : *tasks) {
      if (std::ranges::find(wanted, task.node) == wanted.end()) continue;
      Source source{.node = task.node, .run = run.key, .task = task.record.task};
      take(source, task.record);
      sources.push_back(std::move(source));
    }
  }
  if (sources.empty()) co_return fail(unknown_node(word, *nodes));
  co_return sources;
}

/// What stands in the file from `at` on. False: it cannot be read.
bool print_file(Terminal& terminal, const std::string& path, std::uint64_t& at) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  file.seekg(static_cast<std::streamoff>(at));
  std::string block(64 * 1024, '\0');
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())), file.gcount() > 0) {
    terminal.data(std::string_view(block.data(), static_cast<std::size_t>(file.gcount())));
    at += static_cast<std::uint64_t>(file.gcount());
  }
  return true;
}

/// What its log holds from `at` on, here or there. False: it is not there.
awaitable<Result<bool>> print_from(Session& session, Source source, std::uint64_t& at) {
  if (!session.server) co_return print_file(session.terminal, source.log, at);
  for (;;) {
    const auto part = co_await session.server->log(source.run, source.node, source.attempt, at);
    if (!part && part.error().code == "log.none") co_return false;
    if (!part) co_return fail(part.error());
    session.terminal.data(part->bytes);
    at = part->next;
    if (part->bytes.empty()) co_return true;
  }
}

/// Until the task has ended; a new attempt's log follows that of the one before.
awaitable<Result<void>> follow_log(Session& session, Records& store, Source source) {
  std::string open_log;
  std::uint64_t at = 0;
  for (;;) {
    const auto tasks = co_await store.tasks(source.run, Fence::none());
    if (!tasks) co_return fail(tasks.error());
    for (const auto& task : *tasks)
      if (task.record.task == source.task) take(source, task.record);
    if (!source.log.empty() && source.log != open_log) {
      open_log = source.log;
      at = 0;
    }
    if (!open_log.empty()) {
      const auto printed = co_await print_from(session, source, at);
      if (!printed) co_return fail(printed.error());
    }
    if (source.ended || !session.terminal.is_read()) co_return Result<void>{};
    co_await session.house.runtime().sleep(look_every);
  }
}

}  // namespace

awaitable<ExitCode> logs(Session& session) {
  const auto store = Reading::open(session);
  if (!store) co_return tell(session, store.error());
  const auto sources = co_await sources_of(**store, session.places.project, session.options.nodes.front());
  if (!sources) co_return tell(session, sources.error());
  for (const auto& source : *sources) {
    if (sources->size() > 1) session.terminal.data("==> " + printable(source.node.value()) + " <==\n");
    if (session.options.follow) {
      const auto followed = co_await follow_log(session, **store, source);
      if (!followed) co_return tell(session, followed.error());
      continue;
    }
    std::uint64_t at = 0;
    if (source.log.empty()) {
      session.terminal.talk(printable(source.node.value()) + " has written nothing yet\n");
      continue;
    }
    const auto printed = co_await print_from(session, source, at);
    if (!printed) co_return tell(session, printed.error());
    if (!*printed) session.terminal.talk("its log is not there any more: " + printable(source.log) + "\n");
  }
  co_return ExitCode::good;
}

}  // namespace baton::cli
