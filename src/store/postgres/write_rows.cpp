#include "store/postgres/write_rows.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "store/codec/codec.hpp"
#include "store/codec/writer.hpp"
#include "store/postgres/statements.hpp"

namespace baton::store {
namespace {

using postgres::Parameters;

// One column of a set.
template <class List, class Of>
auto column(const List& list, Of of) {
  std::vector<decltype(of(*list.begin()))> values;
  values.reserve(list.size());
  for (const auto& item : list) values.push_back(of(item));
  return values;
}

std::string text_of(std::string_view text) { return std::string(text); }

std::optional<std::string> problems_of(const std::vector<Error>& errors) {
  return errors.empty() ? std::nullopt : std::optional(to_json(errors));
}

// jsonb takes no U+0000.
std::string without_nul(std::string text) {
  std::erase(text, '\0');
  return text;
}

// As the reference has it (C§5.7), but for `loc`: commit_tasks adds project and node.
std::optional<std::string> reference_errors(const std::vector<Error>& errors) {
  if (errors.empty()) return std::nullopt;
  Writer out;
  out.begin_array();
  for (const auto& error : errors) {
    out.begin_object();
    out.field("msg", without_nul(error.what));
    out.field("type", without_nul(error.code));
    out.end_object();
  }
  out.end_array();
  return out.take();
}

std::string json_text(std::string_view text) {
  Writer out;
  out.value(text);
  return out.take();
}

// As the reference has it (C§5.7): values as they are, files as links.
std::optional<std::string> reference_outputs(const std::shared_ptr<const core::Success>& success) {
  if (!success) return std::nullopt;
  std::string json = "{";
  for (const auto& product : success->products) {
    if (json.size() > 1) json += ',';
    json += json_text(product.port) + ':';
    if (const auto* value = std::get_if<core::Value>(&product.content)) {
      json += value->json;
    } else {
      const auto& stamp = std::get<core::Stamp>(product.content);
      json += "{\"store\":0,\"path\":" + json_text(stamp.path) + ",\"eTag\":" + json_text(stamp.digest) + '}';
    }
  }
  return json + '}';
}

// {node: [nodes that wait for it]}.
std::string adjacency(const std::vector<core::TaskDefinition>& tasks) {
  std::vector<std::vector<Index>> followers(tasks.size());
  for (Index i = 0; i < tasks.size(); ++i) {
    for (const auto before : core::predecessors(tasks[i].node)) followers[before].push_back(i);
  }
  Writer out;
  out.begin_object();
  for (Index i = 0; i < tasks.size(); ++i) {
    out.name(tasks[i].node.id.value());
    out.begin_array();
    for (const auto after : followers[i]) out.value(tasks[after].node.id.value());
    out.end_array();
  }
  out.end_object();
  return out.take();
}

// One statement must not write a row twice: of two records of an attempt the later one counts.
std::vector<core::AttemptRecord> each_once(const std::vector<core::AttemptRecord>& attempts) {
  std::map<std::pair<Index, std::int32_t>, core::AttemptRecord> by_key;
  for (const auto& attempt : attempts) {
    auto& kept = by_key[{attempt.task, attempt.attempt}];
    auto why = attempt.why.empty() ? kept.why : attempt.why;
    kept = attempt;
    kept.why = std::move(why);
  }
  std::vector<core::AttemptRecord> once;
  once.reserve(by_key.size());
  for (auto& [key, attempt] : by_key) once.push_back(std::move(attempt));
  return once;
}

std::int32_t position(Index index) { return static_cast<std::int32_t>(index); }

Parameters task_parameters(const core::Ticket& ticket, const std::vector<core::TaskRecord>& tasks) {
  using Record = core::TaskRecord;
  return Parameters(
      ticket.run.value(), ticket.fence.value(), column(tasks, [](const Record& r) { return position(r.task); }),
      column(tasks, [](const Record& r) { return text_of(core::to_db(r.state)); }),
      column(tasks, [](const Record& r) { return r.state_since; }), column(tasks, [](const Record& r) { return r.attempt; }),
      column(tasks, [](const Record& r) { return r.job ? std::optional(r.job->value()) : std::nullopt; }),
      column(tasks, [](const Record& r) { return r.seen; }), column(tasks, [](const Record& r) { return r.failures; }),
      column(tasks, [](const Record& r) { return r.lost; }),
      column(tasks, [](const Record& r) { return text_of(core::to_text(r.waiting)); }),
      column(tasks, [](const Record& r) { return r.ready_since; }), column(tasks, [](const Record& r) { return r.not_before; }),
      column(tasks, [](const Record& r) { return r.submitted; }), column(tasks, [](const Record& r) { return r.started; }),
      column(tasks, [](const Record& r) { return r.ended; }), column(tasks, [](const Record& r) { return r.exit_code; }),
      column(tasks, [](const Record& r) { return r.log; }), column(tasks, [](const Record& r) { return r.reused; }),
      column(tasks, [](const Record& r) { return to_json(r.reasons); }),
      column(tasks, [](const Record& r) { return problems_of(r.errors); }),
      column(tasks, [](const Record& r) { return reference_errors(r.errors); }),
      column(tasks, [](const Record& r) { return r.success ? std::optional(to_json(*r.success)) : std::nullopt; }),
      column(tasks, [](const Record& r) { return r.success && r.success->simulated; }),
      column(tasks, [](const Record& r) { return reference_outputs(r.success); }));
}

Parameters attempt_parameters(const core::Ticket& ticket, const std::vector<core::AttemptRecord>& attempts) {
  using Record = core::AttemptRecord;
  return Parameters(
      ticket.run.value(), ticket.fence.value(), BATON_VERSION, column(attempts, [](const Record& r) { return position(r.task); }),
      column(attempts, [](const Record& r) { return r.attempt; }),
      column(attempts, [](const Record& r) { return r.job.value(); }), column(attempts, [](const Record& r) { return r.why; }),
      column(attempts, [](const Record& r) { return text_of(core::to_text(r.outcome)); }),
      column(attempts, [](const Record& r) { return text_of(core::to_text(r.owed)); }),
      column(attempts, [](const Record& r) { return r.submitted; }), column(attempts, [](const Record& r) { return r.started; }),
      column(attempts, [](const Record& r) { return r.ended; }), column(attempts, [](const Record& r) { return r.exit_code; }),
      column(attempts, [](const Record& r) { return r.log; }),
      column(attempts, [](const Record& r) { return problems_of(r.errors); }));
}

Parameters message_parameters(const core::Ticket& ticket, const std::vector<core::Announcement>& news) {
  using Record = core::Announcement;
  return Parameters(
      ticket.run.value(), ticket.fence.value(), column(news, [](const Record& r) { return text_of(core::to_text(r.what)); }),
      column(news, [](const Record& r) { return r.task ? std::optional(position(*r.task)) : std::nullopt; }),
      column(news, [](const Record& r) { return text_of(core::to_db(r.state)); }),
      column(news, [](const Record& r) { return r.attempt; }), column(news, [](const Record& r) { return r.platform_ok; }),
      column(news, [](const Record& r) { return r.text; }), column(news, [](const Record& r) { return r.level; }),
      column(news, [](const Record& r) { return r.at; }),
      column(news, [](const Record& r) { return r.resources.empty() ? std::nullopt : std::optional(to_json(r.resources)); }));
}

std::vector<std::string> ids_of(const std::vector<core::TaskDefinition>& tasks) {
  return column(tasks, [](const core::TaskDefinition& task) { return task.node.id.value(); });
}
std::vector<std::string> reasons_of(const std::vector<core::TaskDefinition>& tasks) {
  return column(tasks, [](const core::TaskDefinition& task) { return to_json(task.reasons); });
}

// What the run is.
void define(const std::string& uuid, const std::vector<core::TaskDefinition>& tasks, std::vector<postgres::Call>& calls) {
  Steps steps;
  std::map<std::shared_ptr<const core::Step>, std::size_t> positions;
  for (const auto& task : tasks)
    if (positions.try_emplace(task.node.step, steps.size()).second) steps.push_back(task.node.step);
  calls.push_back({&sql::insert_steps, Parameters(uuid, to_json(steps))});
  calls.push_back({&sql::insert_definitions, Parameters(uuid, column(tasks, [&](const core::TaskDefinition& task) {
                                                          return to_json(task, positions.at(task.node.step));
                                                        }))});
}

}  // namespace

Parameters key_parameters(const core::RunKey& run) {
  return Parameters(run.project.value(), run.user.value(), run.iteration.value());
}

std::vector<postgres::Call> calls_to_create(const NewRun& run, const std::string& collection) {
  std::set<NodeId> in_run;
  for (const auto& task : run.tasks) in_run.insert(task.node.id);
  const auto& uuid = run.uuid.value();
  const auto dag = adjacency(run.tasks);
  const auto metadata = run.metadata.empty() ? std::nullopt : std::optional(run.metadata);
  const auto nodes = column(run.project_nodes, [](const NodeId& id) { return id.value(); });
  std::vector<postgres::Call> calls;
  calls.push_back({&sql::make_user, Parameters(run.user.value())});
  calls.push_back({&sql::make_project, Parameters(run.project.value())});
  calls.push_back({&sql::insert_run, Parameters(uuid, run.project.value(), run.user.value(), run.request, run.keep_going,
                                                run.simulated, metadata, collection, dag)});
  define(uuid, run.tasks, calls);
  calls.push_back({&sql::insert_tasks, Parameters(uuid, ids_of(run.tasks), reasons_of(run.tasks))});
  calls.push_back({&sql::put_pipeline, Parameters(uuid, dag)});
  calls.push_back({&sql::remove_nodes, Parameters(uuid, nodes)});
  calls.push_back({&sql::put_nodes, Parameters(uuid, nodes, column(run.project_nodes, [&](const NodeId& id) {
                                                 return !run.simulated && in_run.contains(id);
                                               }))});
  return calls;
}

std::vector<postgres::Call> calls_to_adopt(const ForeignRun& run, const std::vector<core::TaskDefinition>& tasks) {
  const auto ids = ids_of(tasks);
  const auto reasons = reasons_of(tasks);
  std::vector<postgres::Call> calls;
  calls.push_back({&sql::adopt_run, Parameters(run.id.value(), run.uuid, adjacency(tasks))});
  define(run.uuid, tasks, calls);
  calls.push_back({&sql::adopt_copies, Parameters(run.uuid, ids, reasons)});
  calls.push_back({&sql::make_copies, Parameters(run.uuid, ids, reasons)});
  calls.push_back({&sql::adopt_nodes, Parameters(run.uuid, ids)});
  return calls;
}

CommitCalls calls_to_commit(const core::Ticket& ticket, const core::Decision& decision) {
  CommitCalls commit;
  auto& calls = commit.calls;
  calls.push_back(
      {&sql::commit_run, Parameters(ticket.run.value(), ticket.fence.value(), ticket.mark, text_of(core::to_db(decision.result)),
                                    decision.started, decision.ended, decision.wake_at, decision.no_room_since)});
  if (!decision.tasks.empty()) calls.push_back({&sql::commit_tasks, task_parameters(ticket, decision.tasks)});
  if (!decision.attempts.empty())
    calls.push_back({&sql::commit_attempts, attempt_parameters(ticket, each_once(decision.attempts))});
  if (!decision.settle.empty()) {
    calls.push_back({&sql::settle, Parameters(ticket.run.value(), ticket.fence.value(),
                                              column(decision.settle, [](const JobId& job) { return job.value(); }))});
  }
  if (!decision.tasks.empty()) calls.push_back({&sql::commit_nodes, Parameters(ticket.run.value(), ticket.fence.value())});
  if (!decision.announcements.empty()) {
    commit.messages = calls.size();
    calls.push_back({&sql::commit_messages, message_parameters(ticket, decision.announcements)});
  }
  if (core::is_final(decision.result)) {
    commit.open = calls.size();
    calls.push_back({&sql::commit_open, Parameters(ticket.run.value(), ticket.fence.value())});
  }
  return commit;
}

Parameters restamp_parameters(const ProjectId& project, const std::vector<Restamped>& successes) {
  return Parameters(project.value(), column(successes, [](const Restamped& r) { return r.node.value(); }),
                    column(successes, [](const Restamped& r) { return to_json(*r.success); }),
                    column(successes, [](const Restamped& r) { return r.success->run.value(); }),
                    column(successes, [](const Restamped& r) { return r.success->attempt; }));
}

Parameters progress_parameters(const std::vector<ProgressWrite>& writes) {
  std::map<std::tuple<core::RunKey, Index, JobId>, double> highest;
  for (const auto& write : writes) {
    if (std::isnan(write.progress)) continue;
    const auto progress = std::clamp(write.progress, 0.0, 1.0);
    const auto [at, is_new] = highest.try_emplace({write.run, write.task, write.job}, progress);
    if (!is_new) at->second = std::max(at->second, progress);
  }
  const auto run_of = [](const auto& entry) -> const core::RunKey& { return std::get<0>(entry.first); };
  return Parameters(column(highest, [&](const auto& e) { return run_of(e).project.value(); }),
                    column(highest, [&](const auto& e) { return run_of(e).user.value(); }),
                    column(highest, [&](const auto& e) { return run_of(e).iteration.value(); }),
                    column(highest, [](const auto& e) { return position(std::get<1>(e.first)); }),
                    column(highest, [](const auto& e) { return std::get<2>(e.first).value(); }),
                    column(highest, [](const auto& e) { return e.second; }));
}

}  // namespace baton::store
