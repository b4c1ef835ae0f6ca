#include "scheduling/start.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "core/dag.hpp"
#include "core/key.hpp"
#include "scheduling/failpoint.hpp"
#include "scheduling/stop.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;

/// A request is repeated within minutes: its run is among the newest.
constexpr std::size_t collections_remembered = 20;

std::string place_of(const core::Project& project, const core::Step& step) {
  if (step.place.line == 0) return project.file;
  return project.file + ':' + std::to_string(step.place.line) + ':' + std::to_string(step.place.column);
}

/// The nodes that a plan of this selection can touch.
std::vector<Index> reachable(const core::Project& project, const core::Selection& selection) {
  if (!selection.nodes.empty()) return core::ancestors_or_self(core::dag_of(project), selection.nodes);
  std::vector<Index> all(project.nodes.size());
  for (Index i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

std::vector<core::History> histories(const core::Project& project, std::vector<NodeView> views, bool simulated) {
  std::map<NodeId, NodeView> by_id;
  for (auto& view : views) by_id.emplace(view.node, std::move(view));
  std::vector<core::History> result(project.nodes.size());
  for (Index i = 0; i < result.size(); ++i) {
    const auto found = by_id.find(project.nodes[i].id);
    if (found == by_id.end()) continue;
    const auto& view = found->second;
    if (simulated)  // judged by what was pretended alone, as the real runs are by what was real
      result[i] = {.state = view.simulated ? core::State::success : core::State::not_started, .success = view.simulated};
    else
      result[i] = {.state = view.state, .success = view.success};
  }
  return result;
}

/// The files to look up: each once, with what was known of it, and who wants it (for the message).
struct Lookups {
  std::vector<FileQuery> queries;
  std::vector<const core::Step*> wanted_by;
  std::map<std::pair<std::string, bool>, std::size_t> places;  ///< of a path and its kind in `queries`
  std::map<std::string, const core::Stamp*> known;

  void add(const core::FileInput& file, const core::Step& step) {
    const auto [place, is_new] = places.try_emplace({file.path, file.directory}, queries.size());
    if (!is_new) {  // who asks for the content shall not be served by the times of the file
      queries[place->second].by_stat = queries[place->second].by_stat && file.by_stat;
      return;
    }
    const auto before = known.find(file.path);
    queries.push_back({.path = file.path,
                       .directory = file.directory,
                       .by_stat = file.by_stat,
                       .known = before == known.end() ? std::nullopt : std::optional(*before->second)});
    wanted_by.push_back(&step);
  }
};

Lookups input_lookups(const core::Project& project, const std::vector<Index>& nodes, const std::vector<core::History>& history) {
  Lookups lookups;
  for (const auto& [state, success] : history)
    if (success)
      for (const auto& stamp : success->stamps) lookups.known.emplace(stamp.path, &stamp);
  const core::Step* last = nullptr;
  for (const auto i : nodes) {
    const auto& node = project.nodes[i];
    for (const auto& input : node.inputs)
      if (const auto* file = std::get_if<core::FileInput>(&input.source)) lookups.add(*file, *node.step);
    if (node.step.get() == last) continue;
    last = node.step.get();
    for (const auto& script : last->files) lookups.add(script, *last);
  }
  return lookups;
}

/// Files that were read, as what was known of them proved nothing (they were too young then, or were touched since): their new stamps, which
/// may prove more, by path.
using ReadAgain = std::map<std::string, core::Stamp>;

void note_if_read_again(ReadAgain& read_again, const core::Stamp& before, const core::Stamp& now) {
  if (now.settled && now != before && now.digest == before.digest) read_again.emplace(now.path, now);
}

/// Those of the last successes that hold such a file with the same content, with its new stamp.
std::vector<Restamped> restamp(const core::Project& project, std::vector<core::History>& history, const ReadAgain& read_again) {
  std::vector<Restamped> changed;
  if (read_again.empty()) return changed;
  const auto take_newer = [&](core::Stamp& stamp) {
    const auto found = read_again.find(stamp.path);
    if (found == read_again.end() || found->second.digest != stamp.digest || found->second == stamp) return false;
    stamp = found->second;
    return true;
  };
  for (Index i = 0; i < history.size(); ++i) {
    if (!history[i].success) continue;
    auto success = std::make_shared<core::Success>(*history[i].success);
    bool differs = false;
    for (auto& stamp : success->stamps) differs |= take_newer(stamp);
    for (auto& product : success->products)
      if (auto* stamp = std::get_if<core::Stamp>(&product.content)) differs |= take_newer(*stamp);
    if (!differs) continue;
    history[i].success = success;
    changed.push_back({project.nodes[i].id, std::move(success)});
  }
  return changed;
}

awaitable<Result<void>> look_up_inputs(Files& files, const core::Project& project, const std::vector<Index>& nodes,
                                       core::Facts& facts, ReadAgain& read_again) {
  auto lookups = input_lookups(project, nodes, facts.history);
  const auto answers = co_await files.look(std::move(lookups.queries));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) {
      auto error = answers[i].error();
      error.where = place_of(project, *lookups.wanted_by[i]) + ": step '" + lookups.wanted_by[i]->name + "'";
      co_return fail(std::move(error));
    }
    if (const auto known = lookups.known.find(answers[i]->path); known != lookups.known.end())
      note_if_read_again(read_again, *known->second, *answers[i]);
    facts.files.emplace(answers[i]->path, *answers[i]);
  }
  co_return Result<void>{};
}

/// A published output that is missing or differs from what was made.
awaitable<Result<void>> look_up_outputs(Files& files, const Request& request, const std::vector<Index>& nodes, core::Facts& facts,
                                        ReadAgain& read_again) {
  const auto& project = request.project;
  std::vector<FileQuery> queries;
  struct Made {
    Index node;
    const core::Product* product;  ///< of the history
    const core::Stamp* stamp;
  };
  std::vector<Made> made;
  for (const auto i : nodes) {
    const auto& success = facts.history[i].success;
    if (!success) continue;
    for (const auto& output : project.nodes[i].step->outputs) {
      const auto product = std::ranges::find(success->products, output.port, &core::Product::port);
      if (product == success->products.end()) continue;
      const auto* stamp = std::get_if<core::Stamp>(&product->content);
      if (!stamp || !core::is_path(output.kind)) continue;
      if (!request.out.empty() && !stamp->path.starts_with(request.out + '/')) {
        facts.outputs[{i, product->port}] = core::OutputStatus::missing;
        continue;
      }
      queries.push_back({.path = stamp->path,
                         .directory = output.kind == core::OutputKind::directory,
                         .by_stat = output.by_stat,
                         .known = *stamp});
      made.push_back({i, &*product, stamp});
    }
  }
  const auto answers = co_await files.look(std::move(queries));
  for (std::size_t k = 0; k < answers.size(); ++k) {
    const auto& [node, product, stamp] = made[k];
    if (!answers[k])
      facts.outputs[{node, product->port}] = core::OutputStatus::missing;
    else if (answers[k]->digest != stamp->digest)
      facts.outputs[{node, product->port}] = core::OutputStatus::changed;
    else
      note_if_read_again(read_again, *stamp, *answers[k]);
  }
  co_return Result<void>{};
}

void append(std::string& text, std::string_view part) {
  text += std::to_string(part.size());
  text += ':';
  text += part;
}
void append(std::string& text, std::optional<core::Duration> duration) {
  append(text, duration ? std::to_string(duration->count()) : std::string("-"));
}

void append(std::string& text, const core::Step& step) {
  for (const auto& [name, amount] : step.resources) {
    append(text, name);
    append(text, std::to_string(amount));
  }
  append(text, step.limits.run);
  append(text, step.limits.silence);
  append(text, step.limits.waiting);
  append(text, step.limits.grace);
  append(text, step.retries.backoff);
  for (const auto number : {step.retries.max, step.retries.lost, step.retries.on_exit ? 1 : 0, step.retries.on_timeout ? 1 : 0,
                            step.retries.on_oom ? 1 : 0, step.cache ? 1 : 0})
    append(text, std::to_string(number));
}

/// What makes two requests "the same plan, values and selection", whatever was done between them.
std::string digest_of(const Request& request, const Planned& planned) {
  std::string text = "request-2";
  append(text, request.out);
  append(text, std::string(request.selection.force ? "force" : "") + (request.keep_going ? "keep-going" : "") +
                   (request.simulated ? "simulated" : ""));
  for (const auto i : request.selection.nodes) append(text, request.project.nodes[i].id.value());
  const core::Step* last = nullptr;
  for (const auto i : reachable(request.project, request.selection)) {
    const auto& node = request.project.nodes[i];
    append(text, node.id.value());
    append(text, planned.plan.keys[i].definition);
    if (node.step.get() != last) append(text, *node.step);
    last = node.step.get();
    for (const auto& input : node.inputs) {
      append(text, input.port);
      const auto* from = std::get_if<core::From>(&input.source);
      if (!from) {
        const auto digest = planned.plan.keys[i].inputs.find(input.port);  // no file is looked up for a simulated run
        append(text, digest == planned.plan.keys[i].inputs.end() ? std::string() : digest->second);
        continue;
      }
      for (const auto& source : from->sources) {
        append(text, request.project.nodes[source.node].id.value());
        append(text, source.port);
      }
    }
    for (const auto before : node.after) append(text, request.project.nodes[before].id.value());
  }
  return core::sha256(text);
}

core::From within_run(const core::From& from, const std::map<Index, Index>& renumbered, const core::Facts& facts) {
  auto result = from;
  for (auto& source : result.sources) {
    if (const auto inside = renumbered.find(source.node); inside != renumbered.end()) {
      source.node = inside->second;
      continue;
    }
    const auto& made = facts.history[source.node].success;
    BATON_ASSERT(made != nullptr);  // a producer that is not planned is up to date
    const auto product = std::ranges::find(made->products, source.port, &core::Product::port);
    // A pretended success made nothing, and pretended jobs read nothing.
    BATON_ASSERT(product != made->products.end() || made->simulated);
    auto given = product == made->products.end() ? core::Product{source.port, core::Value{"null"}} : *product;
    source = {.node = 0, .port = source.port, .given = std::make_shared<const core::Product>(std::move(given))};
  }
  return result;
}

core::TaskDefinition definition_of(const core::Project& project, Index i, const Planned& planned,
                                   const std::map<Index, Index>& renumbered) {
  core::TaskDefinition task{.node = project.nodes[i],
                            .reasons = planned.plan.reasons[i],
                            .key = planned.plan.keys[i],
                            .previous = planned.facts.history[i].success};
  std::vector<Index> after;
  for (const auto before : task.node.after)
    if (const auto inside = renumbered.find(before); inside != renumbered.end()) after.push_back(inside->second);
  task.node.after = std::move(after);
  const auto stamp = [&](const core::FileInput& file) {
    if (const auto found = planned.facts.files.find(file.path); found != planned.facts.files.end())
      task.stamps.push_back(found->second);
  };
  for (auto& input : task.node.inputs) {
    if (auto* from = std::get_if<core::From>(&input.source)) *from = within_run(*from, renumbered, planned.facts);
    if (const auto* file = std::get_if<core::FileInput>(&input.source)) stamp(*file);
  }
  for (const auto& script : task.node.step->files) stamp(script);
  task.may_cut_off = task.previous != nullptr && std::ranges::all_of(task.reasons, [](const core::Reason& reason) {
                       return reason.kind == core::ReasonKind::upstream_runs;
                     });
  return task;
}

NewRun new_run(const Request& request, const Planned& planned, std::string uuid) {
  NewRun run{.uuid = RunUuid(std::move(uuid)),
             .user = request.user,
             .project = request.id,
             .request = planned.digest,
             .keep_going = request.keep_going,
             .simulated = request.simulated,
             .collection = request.collection,
             .metadata = request.metadata};
  auto nodes = planned.plan.nodes;
  std::ranges::sort(nodes);  // tasks stand in the order of the document
  std::map<Index, Index> renumbered;
  for (Index k = 0; k < nodes.size(); ++k) renumbered.emplace(nodes[k], k);
  for (const auto i : nodes) run.tasks.push_back(definition_of(request.project, i, planned, renumbered));
  for (const auto& node : request.project.nodes) run.project_nodes.push_back(node.id);
  return run;
}

/// 1.5, 2, 8589934592: as a person writes it.
std::string amount_text(double amount) {
  std::array<char, 32> digits{};
  const auto whole = static_cast<std::int64_t>(amount);  // an amount is at most 2⁵³
  const auto end = static_cast<double>(whole) == amount ? std::to_chars(digits.data(), digits.data() + digits.size(), whole).ptr
                                                        : std::to_chars(digits.data(), digits.data() + digits.size(), amount).ptr;
  return {digits.data(), end};
}

std::optional<Error> cannot_run_here(const core::Project& project, const core::Plan& plan, const Host& host) {
  for (const auto i : plan.nodes) {
    const auto& node = project.nodes[i];
    if (!node.step->image.empty() && !host.images)
      return Error{.code = "input.image",
                   .what = "'" + node.id.value() + "' wants to run in the image '" + node.step->image +
                           "', and no backend here runs images",
                   .where = place_of(project, *node.step),
                   .way_out = "remove `image`, or run it where images can be run"};
    for (const auto& [name, amount] : node.step->resources) {
      const auto limit = host.capacity.find(name);
      if (limit == host.capacity.end() || amount <= limit->second) continue;
      return Error{.code = "input.resources",
                   .what = "'" + node.id.value() + "' asks for " + name + " " + amount_text(amount) + ", and this machine has " +
                           amount_text(limit->second),
                   .where = place_of(project, *node.step),
                   .way_out = "ask for less, or say what the machine has with --resources " + name + "=…"};
    }
  }
  return std::nullopt;
}

/// An unfinished run of another request is stopped, with proof, before a new one begins.
awaitable<Result<void>> stop_and_wait(Runtime& runtime, Store& store, Wakeups& wakeups, core::RunKey run) {
  const auto asked = co_await stop_run(store, wakeups, run);
  if (!asked) co_return fail(asked.error());
  for (;;) {
    const auto view = co_await store.run(run);
    if (!view) co_return fail(view.error());
    if (core::is_final(view->record.result)) co_return Result<void>{};
    co_await runtime.sleep(20ms);
  }
}

Error unfinished(const core::RunKey& run) {
  return {.code = "run.unfinished",
          .what = "run " + std::to_string(run.iteration.value()) + " of the project is not finished, and asks for something else",
          .where = core::to_text(run),
          .way_out = "wait for its end, or cancel it"};
}

/// The run that this very request began, if it did.
awaitable<Result<std::optional<RunView>>> begun_by(Store& store, const Request& request) {
  std::optional<RunView> found;
  if (request.collection.empty()) co_return found;
  auto newest = co_await store.runs(request.id, collections_remembered);
  if (!newest) co_return fail(newest.error());
  for (auto& run : *newest)
    if (run.collection == request.collection && run.key.user == request.user) {
      found = std::move(run);
      break;
    }
  co_return found;
}

/// Its mark may be pending, and its message have died with the process that published it.
awaitable<void> go_on(Wakeups& wakeups, core::RunKey run) {
  wakeups.wake(run, {});
  co_await wakeups.publish_soon(std::move(run));
}

/// Whether this unfinished run makes anew, or does not need, all outputs that are no longer there as they were made: else it would go on from
/// what is not. A task that may yet be cut off makes nothing.
awaitable<Result<bool>> what_it_made_stands(Store& store, core::RunKey run, const core::Project& project,
                                            const core::Plan& plan) {
  std::set<NodeId> touched;
  for (const auto i : plan.nodes) {
    const auto is_touched = [](const core::Reason& reason) {
      return reason.kind == core::ReasonKind::output_missing || reason.kind == core::ReasonKind::output_changed;
    };
    if (std::ranges::any_of(plan.reasons[i], is_touched)) touched.insert(project.nodes[i].id);
  }
  if (touched.empty()) co_return true;
  const auto tasks = co_await store.tasks(std::move(run), Fence::none());
  if (!tasks) co_return fail(tasks.error());
  for (const auto& task : *tasks) {
    const bool only_follows = std::ranges::all_of(
        task.record.reasons, [](const core::Reason& reason) { return reason.kind == core::ReasonKind::upstream_runs; });
    if (!core::is_final(task.record.state) && (task.record.attempt > 0 || !only_follows)) touched.erase(task.node);
  }
  const bool stands = touched.empty();
  co_return stands;
}

/// The unfinished run of the project, if it does what is asked for, and can still. One that only owes something is woken: that is done beside a new run.
awaitable<Result<std::optional<core::RunKey>>> make_room(Runtime& runtime, Store& store, Wakeups& wakeups, const Request& request,
                                                         Started& started) {
  std::optional<core::RunKey> same;
  const auto newest = co_await store.runs(request.id, 1);
  if (!newest) co_return fail(newest.error());
  if (newest->empty() || !newest->front().open) co_return same;
  const auto& before = newest->front();
  if (core::is_final(before.record.result)) {
    co_await go_on(wakeups, before.key);
    co_return same;
  }
  if (before.request == started.planned.digest && before.record.desire == core::Desire::run) {
    const auto stands = co_await what_it_made_stands(store, before.key, request.project, started.planned.plan);
    if (!stands) co_return fail(stands.error());
    if (*stands) {
      same = before.key;
      co_return same;
    }
  }
  if (request.unfinished == Unfinished::refuse) co_return fail(unfinished(before.key));
  const auto stopped = co_await stop_and_wait(runtime, store, wakeups, before.key);
  if (!stopped) co_return fail(stopped.error());
  started.cancelled = before.key;
  co_return same;
}

}  // namespace

awaitable<Result<Planned>> plan_request(Store& store, Files& files, const Request& request) {
  Planned planned;
  auto views = co_await store.nodes(request.id);
  if (!views) co_return fail(views.error());
  planned.facts.history = histories(request.project, std::move(*views), request.simulated);
  if (!request.simulated) {
    const auto nodes = reachable(request.project, request.selection);
    ReadAgain read_again;
    const auto inputs = co_await look_up_inputs(files, request.project, nodes, planned.facts, read_again);
    if (!inputs) co_return fail(inputs.error());
    const auto outputs = co_await look_up_outputs(files, request, nodes, planned.facts, read_again);
    if (!outputs) co_return fail(outputs.error());
    planned.restamped = restamp(request.project, planned.facts.history, read_again);
  }
  planned.plan = core::plan(request.project, planned.facts, request.selection);
  planned.digest = digest_of(request, planned);
  co_return planned;
}

awaitable<Result<Started>> start_run(Runtime& runtime, Store& store, Files& files, Wakeups& wakeups, Request request, Host host) {
  Started started;
  const auto mine = co_await begun_by(store, request);
  if (!mine) co_return fail(mine.error());
  auto planned = co_await plan_request(store, files, request);
  if (*mine) {
    started.run = (*mine)->key;
    started.resumed = true;
    if (planned) started.planned = std::move(*planned);  // else an input has gone: that is nothing to a run that has begun
    if ((*mine)->open) co_await go_on(wakeups, (*mine)->key);
    co_return started;
  }
  if (!planned) co_return fail(planned.error());
  started.planned = std::move(*planned);
  if (!started.planned.restamped.empty()) {
    const auto restamped = co_await store.restamp(request.id, started.planned.restamped);
    static_cast<void>(restamped);  // else they are read again the next time
  }
  if (auto error = cannot_run_here(request.project, started.planned.plan, host)) co_return fail(std::move(*error));

  const auto same = co_await make_room(runtime, store, wakeups, request, started);
  if (!same) co_return fail(same.error());
  if (*same) {
    started.run = **same;
    started.resumed = true;
    co_await go_on(wakeups, **same);
    co_return started;
  }
  if (started.cancelled) {
    auto again = co_await plan_request(store, files, request);  // what it did before it was stopped counts
    if (!again) co_return fail(again.error());
    started.planned = std::move(*again);
  }
  if (started.planned.plan.nodes.empty()) co_return started;
  auto uuid = runtime.uuid();
  auto run = co_await store.create_run(new_run(request, started.planned, std::move(uuid)));
  if (!run && run.error().code == "store.run_exists") {  // another replica was quicker, perhaps with this very request
    const auto theirs = co_await begun_by(store, request);
    if (!theirs) co_return fail(theirs.error());
    if (!*theirs) co_return fail(run.error());
    started.resumed = true;
    run = (*theirs)->key;
  }
  if (!run) co_return fail(run.error());
  started.run = *run;
  failpoint("create_run-before-message", *run);
  wakeups.wake(*run, {});
  co_return started;
}

}  // namespace baton
