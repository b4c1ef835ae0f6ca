// Rows as the reference inserts them (C§5), in PostgreSQL: which become runs of ours, and how.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>

#include "contract/store/fixture.hpp"
#include "contract/store/postgres_world.hpp"
#include "store/postgres/postgres_store.hpp"
#include "support/servers.hpp"

namespace baton::test {
namespace {

using namespace std::string_literals;
using Rows = std::vector<std::string>;

class Adopting : public testing::Test {
 protected:
  void SetUp() override {
    BATON_NEEDS_SERVERS();
    world_ = &PostgresWorld::instance();
    world_->clear();
    world_->set_clock(now_);
    store_ = another();
    sql("INSERT INTO users (id, name) VALUES (7, 'u')");
  }
  void TearDown() override {
    if (store_) runtime_.run(store_->close());
  }

  std::unique_ptr<PostgresStore> another() {
    return std::make_unique<PostgresStore>(runtime_.io().get_executor(), postgres::PoolOptions{.connection = world_->options()},
                                           [this](const Error& error) { troubles_.push_back(error); });
  }
  template <class T>
  static awaitable<void> keep(awaitable<T> call, std::optional<T>& answer) {
    answer.emplace(co_await std::move(call));
  }
  template <class T>
  T wait(awaitable<T> call) {
    std::optional<T> answer;
    runtime_.run(keep(std::move(call), answer));
    return std::move(*answer);
  }
  Rows sql(const std::string& text) { return world_->execute(text); }
  void pass_time(core::Duration time) { world_->set_clock(now_ += time); }
  std::vector<RunKey> due() {
    EXPECT_TRUE(wait(store_->adopt(1)));
    auto keys = wait(store_->due({}, 100));
    EXPECT_TRUE(keys) << keys.error().what;
    return keys ? *keys : std::vector<RunKey>{};
  }

  // ---- what the reference inserts -------------------------------------------------------------------------------------
  /// A project with a pipeline, and a row for each node: a step that gives `out`, and reads what `inputs` says.
  void project(const std::string& uuid, const std::string& dag, const std::vector<std::pair<std::string, std::string>>& nodes) {
    sql("INSERT INTO projects (uuid, name, prj_owner) VALUES ('" + uuid + "', 'p', 7)");
    sql("INSERT INTO comp_pipeline (project_id, dag_adjacency_list, state) VALUES ('" + uuid + "', '" + dag + "', 'PUBLISHED')");
    int number = 0;
    for (const auto& [node, inputs] : nodes)
      sql("INSERT INTO comp_tasks (project_id, node_id, node_class, internal_id, schema, inputs, image, state) VALUES ('" + uuid +
          "', '" + node + "', 'COMPUTATIONAL', " + std::to_string(++number) +
          R"(, '{"inputs":{},"outputs":{"out":{"label":"o","description":"o","type":"integer"}}}', ')" + inputs +
          R"(', '{"name":"simcore/services/comp/baton/step","tag":"1.0.0","node_requirements":{"CPU":1.0,"RAM":1000},)"
          R"("boot_mode":"CPU","command":["true"],"envs":{}}', 'PUBLISHED'))");
  }
  /// The chain a -> b of project p, b reading a.
  void chain(const std::string& uuid = "p") {
    project(uuid, R"({"a": ["b"], "b": []})", {{"a", R"({"x": 1})"}, {"b", R"({"i": {"nodeUuid": "a", "output": "out"}})"}});
  }
  /// As the newer versions do it: the DAG in the run's row, a collection, and copies of the tasks.
  void run_with_copies(const std::string& project = "p", const std::string& dag = R"({"a": ["b"], "b": []})", int iteration = 1) {
    sql("INSERT INTO comp_runs (project_uuid, user_id, iteration, result, created, metadata, use_on_demand_clusters,"
        " dag_adjacency_list, collection_run_id) VALUES ('" +
        project + "', 7, " + std::to_string(iteration) +
        ", 'PUBLISHED', clock_timestamp(), '{\"product_name\":\"osparc\"}', false, '" + dag + "', 'collection-" +
        std::to_string(iteration) + "')");
    sql("INSERT INTO comp_run_snapshot_tasks (run_id, project_id, node_id, node_class, internal_id, schema, inputs, image, state)"
        " SELECT r.run_id, c.project_id, c.node_id, c.node_class, c.internal_id, c.schema, c.inputs, c.image, c.state"
        " FROM comp_tasks c JOIN comp_runs r ON r.project_uuid = c.project_id WHERE c.project_id = '" +
        project + "' AND r.iteration = " + std::to_string(iteration));
  }
  /// As the older versions do it.
  void run_alone(const std::string& project = "p", int iteration = 1) {
    sql("INSERT INTO comp_runs (project_uuid, user_id, iteration, result, created, use_on_demand_clusters) VALUES ('" + project +
        "', 7, " + std::to_string(iteration) + ", 'PUBLISHED', clock_timestamp(), false)");
  }
  static RunKey key(const std::string& project = "p", int iteration = 1) {
    return {UserId(7), ProjectId(project), Iteration(iteration)};
  }

  AsioRuntime runtime_;
  PostgresWorld* world_ = nullptr;
  std::unique_ptr<PostgresStore> store_;
  std::vector<Error> troubles_;
  Instant now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 24)};
};

TEST_F(Adopting, a_run_with_copies_of_its_tasks_is_ours_at_the_next_look) {
  chain();
  run_with_copies();

  EXPECT_EQ(due(), std::vector<RunKey>{key()});

  EXPECT_EQ(sql("SELECT length(uuid), result, collection_run_id, open, keep_going, scheduled IS NOT NULL, processed IS NULL, "
                "dag_adjacency_list,"
                " metadata FROM comp_runs"),
            Rows{R"(36|PUBLISHED|collection-1|t|t|t|t|{"a": ["b"], "b": []}|{"product_name": "osparc"})"});
  EXPECT_EQ(
      sql("SELECT task, node_id, internal_id, state, state_since = clock_timestamp() FROM comp_run_snapshot_tasks ORDER BY task"),
      (Rows{"0|a|1|PUBLISHED|t", "1|b|2|PUBLISHED|t"}));
  EXPECT_EQ(sql("SELECT c.node_id, c.position, c.run_id = r.run_id, c.state FROM comp_tasks c, comp_runs r ORDER BY 1"),
            (Rows{"a|0|t|PUBLISHED", "b|1|t|PUBLISHED"}));
  const auto definition = wait(store_->definition(key()));
  ASSERT_TRUE(definition) << definition.error().what;
  ASSERT_EQ((*definition)->tasks.size(), 2u);
  EXPECT_EQ((*definition)->tasks[0].node.step->command.words, (std::vector<std::string>{"true"}));
  EXPECT_EQ(core::predecessors((*definition)->tasks[1].node), (std::vector<Index>{0}));
  EXPECT_TRUE(due().empty());
  EXPECT_TRUE(troubles_.empty());
}

TEST_F(Adopting, a_run_without_copies_is_ours_when_they_do_not_come) {
  chain();
  sql("INSERT INTO comp_tasks (project_id, node_id, node_class, internal_id, state) VALUES ('p', 'z', 'FRONTEND', 3, 'SUCCESS')");
  run_alone();
  pass_time(2s - 1us);
  EXPECT_TRUE(due().empty());
  pass_time(1us);

  EXPECT_EQ(due(), std::vector<RunKey>{key()});

  EXPECT_EQ(sql("SELECT collection_run_id = uuid, dag_adjacency_list FROM comp_runs"), Rows{R"(t|{"a": ["b"], "b": []})"});
  EXPECT_EQ(
      sql("SELECT task, node_id, node_class, inputs, image ->> 'tag', schema IS NOT NULL FROM comp_run_snapshot_tasks ORDER BY "
          "task"),
      (Rows{R"(0|a|COMPUTATIONAL|{"x": 1}|1.0.0|t)", R"(1|b|COMPUTATIONAL|{"i": {"nodeUuid": "a", "output": "out"}}|1.0.0|t)"}));
  EXPECT_EQ(sql("SELECT state, run_id IS NULL, position IS NULL FROM comp_tasks WHERE node_id = 'z'"), Rows{"SUCCESS|t|t"});
}

TEST_F(Adopting, copies_that_are_missing_are_made_and_what_the_last_run_left_is_taken_away) {
  chain();
  run_with_copies();
  sql("DELETE FROM comp_run_snapshot_tasks WHERE node_id = 'a'");
  sql("UPDATE comp_run_snapshot_tasks SET job_id = 'old', progress = 1, errors = '[]', start = now(), \"end\" = now()");

  EXPECT_EQ(due(), std::vector<RunKey>{key()});

  EXPECT_EQ(sql("SELECT task, node_id, job_id, progress, errors, start, \"end\" FROM comp_run_snapshot_tasks ORDER BY task"),
            (Rows{"0|a|||||", "1|b|||||"}));
}

TEST_F(Adopting, its_passes_are_those_of_any_run_and_write_the_columns_of_the_reference) {
  chain();
  run_with_copies();
  ASSERT_EQ(due().size(), 1u);
  auto ticket = wait(store_->begin_pass({.run = key(), .replica = ReplicaId("r")}));
  ASSERT_TRUE(ticket) << ticket.error().what;
  ASSERT_EQ(ticket->tasks.size(), 2u);
  core::Decision decision;
  decision.tasks = {pending_task(0, "job")};
  decision.attempts = {open_attempt(0, "job")};
  decision.result = State::pending;

  const auto committed = wait(store_->commit(*ticket, decision));

  ASSERT_TRUE(committed) << committed.error().what;
  for (const auto* table : {"comp_tasks", "comp_run_snapshot_tasks"})
    EXPECT_EQ(sql("SELECT node_id, state, job_id FROM " + std::string(table) + " ORDER BY node_id"),
              (Rows{"a|PENDING|job", "b|PUBLISHED|"}));
  EXPECT_EQ(sql("SELECT result, processed >= scheduled FROM comp_runs"), Rows{"PENDING|t"});
}

TEST_F(Adopting, the_errors_of_its_tasks_are_of_a_project_and_a_node) {
  chain();
  run_with_copies();
  ASSERT_EQ(due().size(), 1u);
  auto failed = aborted_task(0);
  failed.state = State::failed;
  failed.errors = {{.code = "runtime.exit", .what = "exit 1", .where = "the last line", .way_out = "look at the log"},
                   {.code = "second", .what = "with a NUL\0."s}};
  core::Decision decision;
  decision.tasks = {failed, aborted_task(1)};
  ASSERT_TRUE(wait(store_->commit(*wait(store_->begin_pass({.run = key(), .replica = ReplicaId("r")})), decision)));

  for (const auto* table : {"comp_tasks", "comp_run_snapshot_tasks"})
    EXPECT_EQ(sql("SELECT node_id, errors FROM " + std::string(table) + " ORDER BY node_id"),
              (Rows{R"(a|[{"loc": ["p", "a"], "msg": "exit 1", "type": "runtime.exit"}, )"
                    R"({"loc": ["p", "a"], "msg": "with a NUL.", "type": "second"}])",
                    "b|"}));
  EXPECT_EQ((*wait(store_->tasks(key(), Fence::none())))[0].record.errors, failed.errors);
}

TEST_F(Adopting, the_progress_of_its_tasks_is_1_when_they_are_over) {
  chain();
  run_with_copies();
  ASSERT_EQ(due().size(), 1u);
  core::Decision decision;
  decision.tasks = {full_record(0)};
  ASSERT_TRUE(wait(store_->commit(*wait(store_->begin_pass({.run = key(), .replica = ReplicaId("r")})), decision)));
  for (const auto* table : {"comp_tasks", "comp_run_snapshot_tasks"})
    EXPECT_EQ(sql("SELECT node_id, state, progress FROM " + std::string(table) + " ORDER BY node_id"),
              (Rows{"a|SUCCESS|1.00", "b|PUBLISHED|"}));
  for (const auto state : {State::failed, State::aborted}) {
    auto over = aborted_task(1);
    over.state = state;
    decision.tasks = {over};
    ASSERT_TRUE(wait(store_->commit(*wait(store_->begin_pass({.run = key(), .replica = ReplicaId("r")})), decision)));
    for (const auto* table : {"comp_tasks", "comp_run_snapshot_tasks"})
      EXPECT_EQ(sql("SELECT state, progress FROM " + std::string(table) + " WHERE node_id = 'b'"),
                Rows{std::string(core::to_db(state)) + "|1.00"});
  }
}

TEST_F(Adopting, of_many_that_look_at_once_one_adopts_it) {
  for (const auto* project : {"p", "q", "r"}) {
    chain(project);
    run_with_copies(project);
  }
  struct Looker {
    static awaitable<void> look(PostgresStore& store, std::vector<RunKey>& found) {
      const auto keys = co_await store.adopt(1);
      if (keys) found.insert(found.end(), keys->begin(), keys->end());
    }
  };
  const auto other = another();
  std::vector<RunKey> found;
  const auto gate = runtime_.gate();
  for (int i = 0; i < 5; ++i)
    for (auto* store : {store_.get(), other.get()}) gate->spawn(Looker::look(*store, found));

  runtime_.run(gate->empty());

  EXPECT_LE(found.size(), 3u);  // a row that another one is writing is left to the next look
  const auto rest = *wait(store_->adopt(1));
  found.insert(found.end(), rest.begin(), rest.end());
  std::ranges::sort(found);
  EXPECT_EQ(found, (std::vector<RunKey>{key("p"), key("q"), key("r")}));
  EXPECT_EQ(sql("SELECT count(*), count(DISTINCT uuid) FROM comp_runs"), Rows{"3|3"});
  EXPECT_EQ(sql("SELECT count(*), count(task) FROM comp_run_snapshot_tasks"), Rows{"6|6"});
  EXPECT_EQ(sql("SELECT count(*) FROM comp_run_task_definitions"), Rows{"6"});
  EXPECT_TRUE(troubles_.empty());
  runtime_.run(other->close());
}

TEST_F(Adopting, what_somebody_has_begun_or_ended_is_left_alone) {
  chain();
  for (const auto* change :
       {"UPDATE comp_runs SET result = 'RUNNING'", "UPDATE comp_runs SET result = 'FAILED'",
        "UPDATE comp_runs SET result = 'NOT_STARTED'", "UPDATE comp_run_snapshot_tasks SET state = 'RUNNING' WHERE node_id = 'b'",
        "UPDATE comp_run_snapshot_tasks SET state = 'SUCCESS' WHERE node_id = 'a'",
        "DELETE FROM comp_run_snapshot_tasks; UPDATE comp_tasks SET state = 'PENDING' WHERE node_id = 'a'"}) {
    sql("DELETE FROM comp_runs");
    run_with_copies();
    sql(change);
    pass_time(1h);

    EXPECT_TRUE(due().empty()) << change;

    EXPECT_EQ(sql("SELECT uuid IS NULL FROM comp_runs"), Rows{"t"}) << change;
  }
}

TEST_F(Adopting, a_project_that_has_an_unfinished_run_of_ours_waits) {
  chain();
  run_with_copies("p", R"({"a": [], "b": []})", 1);
  run_with_copies("p", R"({"b": []})", 2);

  EXPECT_EQ(due(), std::vector<RunKey>{key("p", 1)});
  EXPECT_TRUE(due().empty());
  EXPECT_EQ(sql("SELECT iteration, uuid IS NULL FROM comp_runs ORDER BY 1"), (Rows{"1|f", "2|t"}));
  sql("UPDATE comp_runs SET result = 'SUCCESS', open = false WHERE iteration = 1");

  EXPECT_EQ(due(), std::vector<RunKey>{key("p", 2)});
  EXPECT_EQ(sql("SELECT r.iteration, t.task, t.node_id FROM comp_run_snapshot_tasks t JOIN comp_runs r USING (run_id)"
                " WHERE task IS NOT NULL ORDER BY 1, 2"),
            (Rows{"1|0|a", "1|1|b", "2|0|b"}));
}

TEST_F(Adopting, a_run_that_was_cancelled_before_is_adopted_as_cancelled) {
  chain();
  run_with_copies();
  sql("UPDATE comp_runs SET cancelled = clock_timestamp()");

  EXPECT_EQ(due().size(), 1u);

  EXPECT_EQ(wait(store_->run(key()))->record.desire, core::Desire::cancel);
}

TEST_F(Adopting, what_cannot_be_a_run_fails_with_its_reason_and_harms_nobody) {
  struct Case {
    std::string project, dag, reason;
  };
  const std::vector<Case> cases{{"cycle", R"({"a": ["b"], "b": ["a"]})", "its nodes wait for each other: a, b"},
                                {"gone", R"({"a": ["x"]})", "node 'x' of its DAG has no row"},
                                {"shape", R"([1])", "its DAG is not an object of lists of nodes"},
                                {"empty", R"({})", "it has no node"}};
  for (const auto& [name, dag, reason] : cases) {
    project(name, dag, {{"a", "{}"}, {"b", "{}"}});
    run_with_copies(name, dag);
  }
  chain("well");
  run_with_copies("well");

  EXPECT_EQ(due(), std::vector<RunKey>{key("well")});

  ASSERT_EQ(troubles_.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(troubles_[i].code, "run.not_adopted");
    EXPECT_EQ(troubles_[i].where, "7:" + cases[i].project + ":1");
    EXPECT_EQ(sql("SELECT result, ended = clock_timestamp(), uuid IS NULL, last_failure FROM comp_runs WHERE project_uuid = '" +
                  cases[i].project + "'"),
              Rows{"FAILED|t|t|the run cannot be adopted: " + cases[i].reason});
    EXPECT_EQ(
        sql("SELECT DISTINCT state, task IS NULL FROM comp_run_snapshot_tasks WHERE project_id = '" + cases[i].project + "'"),
        Rows{"PUBLISHED|t"});
  }
  EXPECT_TRUE(due().empty());
  EXPECT_EQ(troubles_.size(), cases.size());
}

TEST_F(Adopting, the_end_of_a_run_that_is_refused_is_told_as_any_other) {
  project("gone", R"({"a": ["x"]})", {{"a", "{}"}});
  run_with_copies("gone", R"({"a": ["x"]})");

  EXPECT_TRUE(due().empty());
  EXPECT_TRUE(due().empty());

  const auto messages = *wait(store_->outbox(0s, 10));
  ASSERT_EQ(messages.size(), 1u);
  const auto& message = messages[0];
  EXPECT_EQ(message.run, key("gone"));
  EXPECT_EQ(message.metadata, R"({"product_name": "osparc"})");
  EXPECT_EQ(message.what, (core::Announcement{.what = core::Told::run_result, .state = State::failed, .at = now_}));
  ASSERT_TRUE(wait(store_->told({{.number = message.id, .fence = message.fence}})));
  EXPECT_TRUE(wait(store_->outbox(0s, 10))->empty());
  EXPECT_EQ(sql("SELECT result, open FROM comp_runs"), Rows{"FAILED|f"});
}

TEST_F(Adopting, a_name_that_no_row_can_have_is_refused_too) {
  project("nul", R"({"a\u0000": []})", {});
  sql(R"(INSERT INTO comp_tasks (project_id, node_id, image) VALUES ('nul', 'a', '{"name":"x"}'))");
  run_alone("nul");
  chain("well");
  run_with_copies("well");
  pass_time(2s);

  EXPECT_EQ(due(), std::vector<RunKey>{key("well")});

  EXPECT_EQ(sql("SELECT result FROM comp_runs WHERE project_uuid = 'nul'"), Rows{"FAILED"});
  EXPECT_EQ(troubles_.size(), 1u);
}

}  // namespace
}  // namespace baton::test
