#include "store/postgres/read_rows.hpp"

#include "store/codec/codec.hpp"

namespace baton::store {
namespace {

// What a column's text stands for.
template <class T>
T known(std::optional<T> value, std::string_view text) {
  if (!value) throw DamagedRow("a column says '" + std::string(text) + "', which this Baton does not know");
  return std::move(*value);
}
template <class T>
T decoded(Result<T> value) {
  if (!value) throw DamagedRow(value.error().what + " (it begins: " + value.error().where + ")");
  return std::move(*value);
}

std::vector<Error> read_errors(postgres::Row& row) {
  const auto json = row.some_text();
  return json ? decoded(errors_from(*json)) : std::vector<Error>{};
}
std::shared_ptr<const core::Success> read_success(postgres::Row& row) {
  const auto json = row.some_text();
  return json ? std::make_shared<const core::Success>(decoded(success_from(*json))) : nullptr;
}

}  // namespace

core::State read_state(postgres::Row& row) {
  const auto text = row.text();
  return known(core::state_from(text), text);
}

core::RunKey read_key(postgres::Row& row) {
  core::RunKey key;
  key.user = UserId(row.number());
  key.project = ProjectId(std::string(row.text()));
  key.iteration = Iteration(row.number());
  return key;
}

RunView read_run(postgres::Row& row) {
  RunView run;
  run.id = RunId(row.number());
  run.uuid = RunUuid(std::string(row.text()));
  run.key = read_key(row);
  run.request = row.text();
  run.keep_going = row.truth();
  run.simulated = row.truth();
  auto& record = run.record;
  record.result = read_state(row);
  const auto desire = row.text();
  record.desire = known(core::desire_from(desire), desire);
  record.desired_at = row.some_instant();
  record.held = row.truth();
  record.created = row.instant();
  record.started = row.some_instant();
  record.ended = row.some_instant();
  run.scheduled = row.some_instant();
  run.processed = row.some_instant();
  run.wake_at = row.some_instant();
  run.fence = Fence(row.number());
  run.open = row.truth();
  run.last_failure = row.text();
  run.follower = ReplicaId(std::string(row.text()));
  run.collection = row.text();
  record.no_room_since = row.some_instant();
  record.has_turn = row.truth();
  record.processed = run.processed;
  return run;
}

TaskView read_task(postgres::Row& row) {
  TaskView view;
  auto& record = view.record;
  record.task = static_cast<Index>(row.number());
  view.node = NodeId(std::string(row.text()));
  record.state = read_state(row);
  record.state_since = row.instant();
  record.attempt = row.small_number();
  if (const auto job = row.some_text()) record.job = JobId(std::string(*job));
  record.seen = row.truth();
  record.failures = row.small_number();
  record.lost = row.small_number();
  const auto waiting = row.text();
  record.waiting = known(core::waiting_from(waiting), waiting);
  record.ready_since = row.some_instant();
  record.not_before = row.some_instant();
  record.submitted = row.some_instant();
  record.started = row.some_instant();
  record.ended = row.some_instant();
  record.exit_code = row.some_small_number();
  record.log = row.text();
  record.reused = row.truth();
  view.progress = row.some_real();
  if (const auto reasons = row.some_text()) record.reasons = decoded(reasons_from(*reasons));
  record.errors = read_errors(row);
  record.success = read_success(row);
  // Core stops the process at these; damage must not reach it.
  if (core::is_live(record.state) && !record.job) throw DamagedRow("task '" + view.node.value() + "' is live and has no job");
  if (record.state == core::State::success && !record.success)
    throw DamagedRow("task '" + view.node.value() + "' has succeeded and has no outputs");
  return view;
}

core::OwedRecord read_owed(postgres::Row& row) {
  core::OwedRecord record;
  record.task = static_cast<Index>(row.number());
  row.skip();
  row.skip();
  record.since = row.some_instant().value_or(core::Instant{});
  record.attempt = row.small_number();
  record.job = JobId(std::string(row.text()));
  for (int column = 0; column < 3; ++column) row.skip();
  const auto owed = row.text();
  record.owed = known(core::owed_from(owed), owed);
  return record;
}

core::AttemptRecord read_attempt(postgres::Row& row) {
  core::AttemptRecord record;
  record.task = static_cast<Index>(row.number());
  record.attempt = row.small_number();
  record.job = JobId(std::string(row.text()));
  record.why = row.text();
  const auto outcome = row.text();
  record.outcome = known(core::outcome_from(outcome), outcome);
  const auto owed = row.text();
  record.owed = known(core::owed_from(owed), owed);
  record.submitted = row.some_instant();
  record.started = row.some_instant();
  record.ended = row.some_instant();
  record.exit_code = row.some_small_number();
  record.log = row.text();
  record.errors = read_errors(row);
  return record;
}

NodeView read_node(postgres::Row& row) {
  NodeView node;
  node.node = NodeId(std::string(row.text()));
  node.state = read_state(row);
  if (const auto run = row.some_number()) node.run = RunId(*run);
  node.success = read_success(row);
  node.simulated = read_success(row);
  return node;
}

ForeignRun read_foreign_run(postgres::Row& row) {
  ForeignRun run;
  run.id = RunId(row.number());
  run.uuid = row.text();
  run.key = read_key(row);
  run.dag = row.text();
  return run;
}

ReferenceRow read_reference_row(postgres::Row& row) {
  ReferenceRow told;
  told.node = row.text();
  for (auto* json : {&told.image, &told.schema, &told.inputs, &told.outputs, &told.success}) *json = row.some_text();
  return told;
}

Outgoing read_message(postgres::Row& row) {
  Outgoing message;
  message.id = row.number();
  message.run = read_key(row);
  message.run_id = RunId(row.number());
  message.fence = Fence(row.number());
  message.n = row.small_number();
  message.node = NodeId(std::string(row.text()));
  message.metadata = row.text();
  const auto what = row.text();
  message.what.what = known(core::told_from(what), what);
  if (const auto task = row.some_number()) message.what.task = static_cast<Index>(*task);
  message.what.state = read_state(row);
  message.what.attempt = row.small_number();
  message.what.platform_ok = row.truth();
  message.what.text = row.text();
  message.what.level = row.small_number();
  message.what.at = row.instant();
  if (const auto resources = row.some_text()) message.what.resources = decoded(resources_from(*resources));
  return message;
}

std::shared_ptr<const core::RunDefinition> read_definition(const RunView& run, const postgres::Rows& steps,
                                                           const postgres::Rows& tasks) {
  if (steps.empty()) throw DamagedRow("run " + core::to_text(run.key) + " has no steps");
  const auto all_steps = decoded(steps_from(steps[0].text()));
  core::RunDefinition definition{.id = run.id,
                                 .uuid = run.uuid,
                                 .key = run.key,
                                 .request = run.request,
                                 .keep_going = run.keep_going,
                                 .simulated = run.simulated};
  definition.tasks.reserve(static_cast<std::size_t>(tasks.size()));
  for (auto row : tasks) definition.tasks.push_back(decoded(task_from(row.text(), all_steps)));
  return std::make_shared<const core::RunDefinition>(std::move(definition));
}

}  // namespace baton::store
