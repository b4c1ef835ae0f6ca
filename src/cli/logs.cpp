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
constexpr auto look_at_least = 2s;  // at a server, for what comes without news

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

/// A task's log as it grows; that of a new attempt follows what was left of the one before.
class Tail {
 public:
  Tail(Session& session, Source source) : session_(session), source_(std::move(source)) {}

  [[nodiscard]] const Source& source() const { return source_; }
  /// The task has become this; what stands in its log afterwards is still to be printed.
  awaitable<Result<void>> becomes(core::TaskRecord record) {
    auto now = source_;
    take(now, record);
    if (now.log.empty()) now.log = source_.log, now.attempt = source_.attempt;  // the new attempt has not begun to write
    if (now.log != source_.log) {
      const auto rest = co_await print();
      if (!rest) co_return fail(rest.error());
      at_ = 0;
    }
    source_ = std::move(now);
    co_return Result<void>{};
  }
  /// True: there was something new.
  awaitable<Result<bool>> print() {
    if (source_.log.empty()) co_return false;
    const auto before = at_;
    const auto printed = co_await print_from(session_, source_, at_);
    if (!printed) co_return fail(printed.error());
    co_return at_ != before;
  }

 private:
  Session& session_;
  Source source_;
  std::uint64_t at_ = 0;
};

/// Until the task has ended.
awaitable<Result<void>> follow_here(Session& session, Records& store, Source source) {
  Tail tail(session, std::move(source));
  for (;;) {
    auto tasks = co_await store.tasks(tail.source().run, Fence::none());
    if (!tasks) co_return fail(tasks.error());
    for (auto& task : *tasks) {
      if (task.record.task != tail.source().task) continue;
      const auto became = co_await tail.becomes(std::move(task.record));
      if (!became) co_return became;
    }
    const auto printed = co_await tail.print();
    if (!printed) co_return fail(printed.error());
    if (tail.source().ended || !session.terminal.is_read()) co_return Result<void>{};
    co_await session.house.runtime().sleep(look_every);
  }
}

/// What a run's events have told of one task.
struct Told {
  std::vector<core::TaskRecord> records;  ///< that nobody has looked at
  bool over = false;                      ///< of the run
  std::optional<Error> error;
};

awaitable<void> listen(Server::Watch& watch, Index task, Told& told, Event& event) {
  while (!told.over && !told.error) {
    auto news = co_await watch.next();
    if (news) {
      for (auto& one : news->tasks)
        if (one.record.task == task) told.records.push_back(std::move(one.record));
      told.over = news->end;
    } else {
      told.error = news.error();
    }
    event.notify();
  }
}

awaitable<Result<void>> print_as_told(Session& session, Source source, Told& told, Event& event) {
  Tail tail(session, std::move(source));
  core::Duration pause = look_every;
  for (;;) {
    const bool over = told.over;  // what its log holds from now on is all
    for (auto& record : std::exchange(told.records, {})) {
      const auto became = co_await tail.becomes(std::move(record));
      if (!became) co_return became;
    }
    const auto printed = co_await tail.print();
    if (!printed) co_return fail(printed.error());
    if (over || tail.source().ended || !session.terminal.is_read()) co_return Result<void>{};
    if (told.error) co_return fail(*told.error);
    pause = *printed ? look_every : std::min<core::Duration>(2 * pause, look_at_least);
    const auto notified = co_await event.wait_for(pause);
    static_cast<void>(notified);
  }
}

/// What becomes of the task comes with the run's events; its log alone has to be asked for, seldom while nothing is written.
awaitable<Result<void>> follow_there(Session& session, Source source) {
  const auto event = session.house.runtime().event();
  const auto gate = session.house.runtime().gate();
  const auto watch = session.server->watch(source.run);
  Told told;
  gate->spawn(listen(*watch, source.task, told, *event));
  auto followed = co_await print_as_told(session, std::move(source), told, *event);
  watch->close();
  co_await gate->empty();
  co_return followed;
}

}  // namespace

awaitable<ExitCode> logs(Session& session) {
  const auto store = Reading::open(session);
  if (!store) co_return tell(session, store.error());
  const auto sources = co_await sources_of(**store, session.places.project, session.options.nodes.front());
  if (!sources) co_return tell(session, sources.error());
  for (const auto& source : *sources) {
    if (sources->size() > 1) session.terminal.data("==> " + printable(source.node.value()) + " <==\n");
    if (session.options.follow && !(session.server && source.ended)) {
      auto followed = session.server ? follow_there(session, source) : follow_here(session, **store, source);
      const auto done = co_await std::move(followed);
      if (!done) co_return tell(session, done.error());
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
