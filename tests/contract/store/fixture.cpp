#include "contract/store/fixture.hpp"

#include <boost/asio/io_context.hpp>

#include "contract/store/postgres_world.hpp"
#include "store/codec/codec.hpp"
#include "store/memory/memory_store.hpp"
#include "store/postgres/postgres_store.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "support/servers.hpp"

namespace baton::test {

std::string name_of(Kind kind) {
  switch (kind) {
    case Kind::memory: return "memory";
    case Kind::sqlite: return "sqlite";
    case Kind::sqlite_inline: return "sqlite_inline";
    case Kind::postgres: return "postgres";
  }
  BATON_UNREACHABLE();
}

StoreContract::StoreContract() : runtime_(GetParam() == Kind::sqlite_inline) {}

void StoreContract::SetUp() {
  if (GetParam() == Kind::postgres) {
    BATON_NEEDS_SERVERS();
    auto& world = PostgresWorld::instance();
    world.clear();
    set_clock_ = [this, &world] { world.set_clock(runtime_.time); };
    set_clock_();
    auto store = std::make_unique<PostgresStore>(runtime_.real().io().get_executor(),
                                                 postgres::PoolOptions{.connection = world.options()});
    declare_gone_ = [this, of = store.get()](const ReplicaId& replica) { done(of->leave(replica)); };
    store_ = std::move(store);
  } else if (GetParam() == Kind::memory) {
    auto store = std::make_unique<MemoryStore>([this] { return runtime_.wall(); });
    declare_gone_ = [of = store.get()](const ReplicaId& replica) { of->declare_gone(replica); };
    store_ = std::move(store);
  } else {
    auto store = SqliteStore::open(runtime_, {.path = ":memory:"});
    if (!store) throw std::runtime_error(store.error().what);
    declare_gone_ = [of = store->get()](const ReplicaId& replica) { of->declare_gone(replica); };
    store_ = std::move(*store);
  }
}

void StoreContract::TearDown() {
  if (auto* store = dynamic_cast<PostgresStore*>(store_.get())) runtime_.real().run(store->close());
}

INSTANTIATE_TEST_SUITE_P(Adapters, StoreContract,
                         testing::Values(Kind::memory, Kind::sqlite, Kind::sqlite_inline, Kind::postgres),
                         [](const auto& kind) { return name_of(kind.param); });

NewRun StoreContract::a_run(const std::string& project) {
  auto step = std::make_shared<core::Step>();
  step->name = "step";
  step->command.words = {"true"};
  NewRun run{.uuid = RunUuid("uuid-" + std::to_string(++runs_)), .user = UserId(1), .project = ProjectId(project)};
  for (Index i = 0; i < 3; ++i) {
    core::TaskDefinition task;
    task.node.id = NodeId(std::string(1, static_cast<char>('a' + i)));
    task.node.step = step;
    if (i > 0) task.node.after = {i - 1};
    task.reasons = {{.kind = core::ReasonKind::never_succeeded}};
    run.project_nodes.push_back(task.node.id);
    run.tasks.push_back(std::move(task));
  }
  return run;
}

void StoreContract::fail_a_pass(const RunKey& run) {
  pass_time(61s);  // any back-off is over
  begin(run);
}

void StoreContract::start_first(const RunKey& run, const std::string& job) {
  core::Decision decision;
  decision.tasks = {pending_task(0, job)};
  decision.attempts = {open_attempt(0, job)};
  decision.result = State::pending;
  commit(begin(run), decision);
}

void StoreContract::end(const RunKey& run) {
  core::Decision decision;
  decision.tasks = {aborted_task(0), aborted_task(1), aborted_task(2)};
  decision.result = State::aborted;
  decision.ended = now();
  commit(begin(run), decision);
}

core::TaskRecord pending_task(Index task, const std::string& job, std::int32_t attempt) {
  core::TaskRecord record;
  record.task = task;
  record.state = State::pending;
  record.attempt = attempt;
  record.job = JobId(job);
  return record;
}

core::TaskRecord aborted_task(Index task) {
  core::TaskRecord record;
  record.task = task;
  record.state = State::aborted;
  return record;
}

core::AttemptRecord open_attempt(Index task, const std::string& job, std::int32_t attempt) {
  return {.task = task, .attempt = attempt, .job = JobId(job), .why = "planned"};
}

core::AttemptRecord ended_attempt(Index task, const std::string& job, core::Owed owed, std::int32_t attempt) {
  return {.task = task, .attempt = attempt, .job = JobId(job), .why = "planned", .outcome = core::Outcome::aborted, .owed = owed};
}

namespace {

Instant at(int second) {
  return Instant(std::chrono::sys_days(std::chrono::year(2026) / 1 / 2)) + std::chrono::seconds(second) + 7us;
}
core::Stamp stamp(const std::string& path) { return {.path = path, .stat = "12 34", .digest = "abc", .settled = false}; }

core::Step full_step() {
  core::Step step;
  step.name = "align";
  step.command = {.shell = false, .words = {"bwa", "${inputs.reads}", "a\"b\\c\n\x01"}};
  step.outputs = {{.port = "bam", .kind = core::OutputKind::file, .name = "out.bam", .by_stat = true},
                  {.port = "n", .kind = core::OutputKind::integer},
                  {.port = "all", .kind = core::OutputKind::json}};
  step.env = {{"LANG", "C"}, {"X", ""}};
  step.resources = {{"cpu", 0.1}, {"ram", 8589934592.0}};
  step.limits = {.run = 1h, .silence = 2min, .waiting = 3s, .grace = 4s};
  step.retries = {.max = 2, .lost = 0, .backoff = 5s, .on_exit = false, .on_timeout = true, .on_oom = false};
  step.cache = false;
  step.image = "debian:12";
  step.files = {{.path = "/s/run.py", .directory = false, .by_stat = true}};
  step.label = "Ausrichten \xC3\xA4";
  step.description = "two\nlines";
  step.place = {.line = 14, .column = 19};
  return step;
}

}  // namespace

core::Success full_success(bool simulated) {
  return {.run = RunId(7),
          .iteration = Iteration(3),
          .attempt = 2,
          .key = {.definition = "d1", .inputs = {{"reads", "i1"}, {"x", ""}}},
          .products = {{.port = "bam", .content = stamp("/out/out.bam")}, {.port = "n", .content = core::Value{"17"}}},
          .stamps = {stamp("/in/reads")},
          .submitted = at(1),
          .started = at(2),
          .ended = at(3),
          .log = "/log/1",
          .simulated = simulated};
}

core::TaskDefinition full_task(const std::string& id) {
  core::TaskDefinition task;
  task.node.id = NodeId(id);
  task.node.step = std::make_shared<const core::Step>(full_step());
  task.node.foreach = {{"s", {"\"x,y\""}}, {"n", {"1"}}};
  task.node.params = {{"p", {"{\"k\":[1,2]}"}}};
  const auto given = std::make_shared<const core::Product>(core::Product{.port = "o", .content = stamp("/given")});
  task.node.inputs = {
      {.port = "l", .source = core::Literal{{"null"}}},
      {.port = "p", .source = core::Param{.name = "p", .value = {"2.5"}}},
      {.port = "f", .source = core::FileInput{.path = "/in/reads", .directory = true, .by_stat = true}},
      {.port = "one", .source = core::From{.sources = {{.node = 0, .port = "o"}}}},
      {.port = "many",
       .source = core::From{.sources = {{.node = 0, .port = "o"}, {.port = "o", .given = given}}, .gather = true}},
      {.port = "none", .source = core::From{.gather = true}}};
  task.node.after = {0};
  task.reasons = {{.kind = core::ReasonKind::input_changed, .port = "f", .detail = "since run 2"},
                  {.kind = core::ReasonKind::forced}};
  task.key = {.definition = "d2", .inputs = {{"f", "i2"}}};
  task.previous = std::make_shared<const core::Success>(full_success());
  task.may_cut_off = true;
  task.stamps = {stamp("/in/reads"), stamp("/s/run.py")};
  return task;
}

core::TaskRecord full_record(Index task, bool simulated) {
  core::TaskRecord record;
  record.task = task;
  record.state = State::success;
  record.attempt = 3;
  record.job = JobId("job-full");
  record.seen = true;
  record.failures = 1;
  record.lost = 2;
  record.waiting = core::Waiting::proof;
  record.state_since = at(10);
  record.ready_since = at(11);
  record.not_before = at(12);
  record.submitted = at(13);
  record.started = at(14);
  record.ended = at(15);
  record.exit_code = 137;
  record.log = "/log/full";
  record.reused = true;
  record.reasons = {{.kind = core::ReasonKind::upstream_runs, .port = "in", .detail = "'a' runs"}};
  record.errors = {{.code = "runtime.exit", .what = "exit 137", .where = "a:3", .way_out = "look at the log"},
                   {.code = "x", .what = "y"}};
  record.success = std::make_shared<const core::Success>(full_success(simulated));
  return record;
}

std::string content_of(const core::TaskRecord& record) {
  const auto time = [](std::optional<Instant> instant) {
    return instant ? std::to_string(instant->time_since_epoch().count()) : "-";
  };
  std::string text;
  for (const auto& part : {std::to_string(record.task),
                           std::string(core::to_text(record.state)),
                           std::to_string(record.attempt),
                           record.job ? record.job->value() : "-",
                           std::to_string(record.seen),
                           std::to_string(record.failures),
                           std::to_string(record.lost),
                           std::string(core::to_text(record.waiting)),
                           time(record.state_since),
                           time(record.ready_since),
                           time(record.not_before),
                           time(record.submitted),
                           time(record.started),
                           time(record.ended),
                           record.exit_code ? std::to_string(*record.exit_code) : "-",
                           record.log,
                           std::to_string(record.reused),
                           store::to_json(record.reasons),
                           store::to_json(record.errors),
                           record.success ? store::to_json(*record.success) : "-"}) {
    text += part + '|';
  }
  return text;
}

}  // namespace baton::test
