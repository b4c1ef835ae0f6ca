// What only a shared server can show: waiting for each other, tables that were there before, other versions.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>
#include <sstream>
#include <thread>

#include "contract/store/fixture.hpp"
#include "contract/store/postgres_world.hpp"
#include "store/postgres/migrate.hpp"
#include "store/postgres/postgres_store.hpp"
#include "support/servers.hpp"

namespace baton::test {
namespace {

class PostgresStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    BATON_NEEDS_SERVERS();
    world_ = &PostgresWorld::instance();
    world_->clear();
    world_->set_clock(now_);
    store_ = another();
  }
  void TearDown() override {
    if (store_) runtime_.run(store_->close());
  }

  std::unique_ptr<PostgresStore> another() {
    return std::make_unique<PostgresStore>(runtime_.io().get_executor(), postgres::PoolOptions{.connection = world_->options()});
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
  static NewRun a_run(const std::string& uuid = "u") {
    NewRun run{.uuid = RunUuid(uuid), .user = UserId(1), .project = ProjectId("p")};
    core::TaskDefinition task;
    task.node.id = NodeId("a");
    task.node.step = std::make_shared<const core::Step>(core::Step{.name = "a", .command = {.words = {"true"}}});
    run.project_nodes = {task.node.id};
    run.tasks = {task};
    return run;
  }
  /// Lets the loop turn until it is so; false: it was not in ten seconds.
  bool eventually(const std::function<bool()>& is_so) {
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (!is_so()) {
      if (std::chrono::steady_clock::now() > until) return false;
      runtime_.run(runtime_.sleep(1ms));
    }
    return true;
  }

  AsioRuntime runtime_;
  PostgresWorld* world_ = nullptr;
  std::unique_ptr<PostgresStore> store_;
  Instant now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 24)};
};

TEST_F(PostgresStoreTest, a_pass_that_waits_for_a_commit_sees_all_that_it_wrote) {
  const auto key = *wait(store_->create_run(a_run()));
  const auto first = *wait(store_->begin_pass({.run = key, .replica = ReplicaId("r1")}));
  // A commit, held open in the middle.
  world_->execute("BEGIN; UPDATE comp_runs SET fence = fence + 1, failures = 0, scheduled = '2030-01-01T00:00:00Z'");
  world_->execute("UPDATE comp_run_snapshot_tasks SET changed_in = 2, log = 'late'");
  world_->execute(
      "INSERT INTO comp_task_attempts (run_id, task, attempt, changed_in, job_id, why, outcome, owed)"
      " SELECT run_id, 0, 1, 2, 'job-1', '', 'failed', 'release' FROM comp_runs");
  std::optional<Result<core::Ticket>> answer;
  const auto gate = runtime_.gate();
  gate->spawn(keep(store_->begin_pass({.run = key, .known = first.fence, .replica = ReplicaId("r2")}), answer));
  ASSERT_TRUE(eventually([&] { return world_->execute("SELECT count(*) FROM pg_locks WHERE NOT granted")[0] == "1"; }));
  ASSERT_FALSE(answer);

  world_->execute("COMMIT");

  ASSERT_TRUE(eventually([&] { return answer.has_value(); }));
  ASSERT_TRUE(answer->has_value()) << answer->error().what;
  const auto& ticket = **answer;
  EXPECT_EQ(ticket.fence, Fence(3));
  EXPECT_EQ(ticket.mark, Instant(std::chrono::sys_days(std::chrono::year(2030) / 1 / 1)));
  ASSERT_EQ(ticket.tasks.size(), 1u);
  EXPECT_EQ(ticket.tasks[0].log, "late");
  ASSERT_EQ(ticket.owed.size(), 1u);
  EXPECT_EQ(ticket.owed[0].job, JobId("job-1"));
  runtime_.run(gate->empty());
}

TEST_F(PostgresStoreTest, a_wake_up_that_waits_for_a_commit_is_judged_by_what_it_wrote) {
  const auto key = *wait(store_->create_run(a_run()));
  ASSERT_TRUE(wait(store_->wake(key, {}))->publish);  // pending …
  world_->execute("BEGIN; UPDATE comp_runs SET processed = scheduled");
  std::optional<Result<Woken>> answer;
  const auto gate = runtime_.gate();
  gate->spawn(keep(store_->wake(key, {}), answer));
  ASSERT_TRUE(eventually([&] { return world_->execute("SELECT count(*) FROM pg_locks WHERE NOT granted")[0] == "1"; }));

  world_->execute("COMMIT");  // … and no more

  ASSERT_TRUE(eventually([&] { return answer.has_value(); }));
  EXPECT_TRUE((*answer)->publish);
  EXPECT_EQ(world_->execute("SELECT scheduled > processed FROM comp_runs")[0], "t");
  runtime_.run(gate->empty());
}

TEST_F(PostgresStoreTest, W17_of_many_that_start_a_project_at_once_one_does) {
  struct Starter {
    static awaitable<void> start(Store& store, NewRun run, int& started, int& refused) {
      const auto key = co_await store.create_run(std::move(run));
      if (key) ++started;
      if (!key && key.error().code == "store.run_exists") ++refused;
    }
  };
  for (int round = 0; round < 8; ++round) {
    const auto project = "p" + std::to_string(round);
    world_->execute("INSERT INTO projects (uuid, name) VALUES ('" + project + "', '')");  // else they would wait for its row
    int started = 0, refused = 0;
    const auto gate = runtime_.gate();
    for (int i = 0; i < 20; ++i) {
      auto run = a_run(project + "-" + std::to_string(i));
      run.project = ProjectId(project);
      run.user = UserId(1 + i);  // of one user, the iteration alone would let one of them through
      gate->spawn(Starter::start(*store_, std::move(run), started, refused));
    }

    runtime_.run(gate->empty());

    EXPECT_EQ(started, 1);
    EXPECT_EQ(refused, 19);
  }
}

// ---- W16, W35: what others do to the rows under a run -------------------------------------------------------------------------

TEST_F(PostgresStoreTest, W16_what_others_write_into_the_view_does_not_reach_the_run) {
  const auto key = *wait(store_->create_run(a_run()));
  world_->execute("UPDATE comp_tasks SET state = 'FAILED'");

  const auto ticket = wait(store_->begin_pass({.run = key, .replica = ReplicaId("r1")}));

  ASSERT_TRUE(ticket);
  ASSERT_EQ(ticket->tasks.size(), 1u);
  EXPECT_EQ(ticket->tasks[0].state, core::State::published);
}

TEST_F(PostgresStoreTest, W35_a_commit_whose_run_was_deleted_under_the_pass_is_refused_and_writes_nothing) {
  const auto key = *wait(store_->create_run(a_run()));
  const auto ticket = wait(store_->begin_pass({.run = key, .replica = ReplicaId("r1")}));
  ASSERT_TRUE(ticket);
  world_->execute("DELETE FROM projects");

  auto started = ticket->tasks[0];
  started.state = core::State::pending;
  started.attempt = 1;
  started.job = JobId("j");
  core::Decision decision{.tasks = {started}};
  decision.attempts.push_back({.task = 0, .attempt = 1, .job = JobId("j"), .why = "planned"});
  const auto committed = wait(store_->commit(*ticket, decision));

  ASSERT_FALSE(committed) << "the pass would act on what it did not write";
  EXPECT_EQ(committed.error().code, "store.fenced");
  for (const auto* table : {"comp_runs", "comp_run_snapshot_tasks", "comp_task_attempts", "comp_tasks", "outbox"})
    EXPECT_EQ(world_->execute(std::string("SELECT count(*) FROM ") + table), std::vector<std::string>{"0"}) << table;
}

TEST_F(PostgresStoreTest, passes_due_and_progress_of_many_at_once_lock_nobody_out) {
  struct Worker {
    static awaitable<void> work(Store& store, RunKey run, int& good) {
      for (int i = 0; i < 10; ++i) {
        auto ticket = co_await store.begin_pass({.run = run, .replica = ReplicaId("r1"), .excused = 1});
        if (!ticket) co_return;
        core::Decision decision;
        decision.tasks = {pending_task(0, "job")};
        decision.attempts = {open_attempt(0, "job")};
        decision.result = State::pending;
        auto committed = co_await store.commit(*ticket, decision);
        if (!committed) co_return;
        auto written = co_await store.write_progress({{.run = run, .task = 0, .job = JobId("job"), .progress = 0.1 * i}});
        if (!written) co_return;
        auto due = co_await store.due({.revisit = 0s}, 5);
        if (!due) co_return;
      }
      ++good;
    }
  };
  std::vector<RunKey> keys;
  for (int i = 0; i < 20; ++i) {
    auto run = a_run("u" + std::to_string(i));
    run.project = ProjectId("p" + std::to_string(i));
    keys.push_back(*wait(store_->create_run(run)));
  }
  int good = 0;
  const auto gate = runtime_.gate();
  for (const auto& key : keys) gate->spawn(Worker::work(*store_, key, good));

  runtime_.run(gate->empty());

  EXPECT_EQ(good, 20);
}

TEST_F(PostgresStoreTest, a_name_is_of_one_process_at_a_time) {
  ASSERT_TRUE(wait(store_->join(ReplicaId("r1"))));
  const auto other = another();
  EXPECT_FALSE(*wait(other->is_gone(ReplicaId("r1"))));

  const auto refused = wait(other->join(ReplicaId("r1")));

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "store.not_yours");
  runtime_.run(store_->close());
  EXPECT_TRUE(wait(other->join(ReplicaId("r1"))));
  runtime_.run(other->close());
}

TEST_F(PostgresStoreTest, a_replica_whose_line_broke_lives_again_by_itself) {
  ASSERT_TRUE(wait(store_->join(ReplicaId("r1"))));
  world_->execute(
      "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN replicas p ON ((l.classid::bigint << 32) | l.objid::bigint) = "
      "p.lock_key");

  ASSERT_TRUE(eventually([&] { return !*wait(store_->is_gone(ReplicaId("r1"))); }));
  EXPECT_TRUE(wait(store_->orphans(10))->empty());
}

TEST_F(PostgresStoreTest, replicas_that_are_gone_for_long_are_forgotten) {
  ASSERT_TRUE(wait(store_->join(ReplicaId("lives"))));
  world_->execute(
      "INSERT INTO replicas (id, version, seen, lock_key) VALUES ('gone', '', (SELECT now FROM test_clock) - interval '8 days', "
      "1),"
      " ('just gone', '', (SELECT now FROM test_clock) - interval '6 days', 2);"
      " UPDATE replicas SET seen = (SELECT now FROM test_clock) - interval '8 days' WHERE id = 'lives'");
  const auto other = another();
  ASSERT_TRUE(wait(other->join(ReplicaId("new"))));
  EXPECT_EQ(world_->execute("SELECT id FROM replicas ORDER BY id"), (std::vector<std::string>{"just gone", "lives", "new"}));
  runtime_.run(other->close());
}

// ---- one keeper for all (R15) ----------------------------------------------------------------------------------------------

KeeperPlace here() { return {.id = "k1", .boot = "b1", .host = "h1", .folder = "/here"}; }
KeeperPlace there() { return {.id = "k2", .boot = "b1", .host = "h2", .folder = "/there"}; }
KeeperPlace instead_of(const std::string& folder, KeeperPlace place) {
  place.instead_of = folder;
  return place;
}

TEST_F(PostgresStoreTest, replicas_keep_their_jobs_at_one_place_until_a_person_says_that_it_is_gone) {
  ASSERT_TRUE(wait(store_->join_at(here(), ReplicaId("r1"), {})));
  const auto second = another(), third = another();
  EXPECT_TRUE(wait(second->join_at(here(), ReplicaId("r2"), {})));

  for (const auto& place : {there(), instead_of("/here", there()), instead_of("/elsewhere", there())}) {
    const auto refused = wait(third->join_at(place, ReplicaId("r3"), {}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "store.other_keeper");
    EXPECT_NE(refused.error().what.find("/here of h1"), std::string::npos) << refused.error().what;
  }
  EXPECT_TRUE(eventually([&] { return *wait(third->is_gone(ReplicaId("r3"))); })) << "who is refused does not live";

  runtime_.run(store_->close());
  runtime_.run(second->close());
  EXPECT_FALSE(wait(third->join_at(there(), ReplicaId("r4"), {}))) << "nobody lives, and nobody has said that it is gone";
  EXPECT_TRUE(wait(third->join_at(here(), ReplicaId("r5"), {}))) << "there again, as after a death";
  EXPECT_TRUE(wait(third->leave(ReplicaId("r5"))));
  EXPECT_FALSE(wait(third->join_at(instead_of("/elsewhere", there()), ReplicaId("r6"), {}))) << "another folder is gone";
  const auto fourth = another(), fifth = another();
  EXPECT_TRUE(wait(fourth->join_at(instead_of("/here", there()), ReplicaId("r7"), {})));
  EXPECT_TRUE(wait(fifth->join_at(instead_of("/here", there()), ReplicaId("r8"), {}))) << "said twice, it is the same";
  EXPECT_FALSE(wait(third->join_at(here(), ReplicaId("r9"), {}))) << "now it is the other one that is elsewhere";
  for (const auto* store : {&third, &fourth, &fifth}) runtime_.run((*store)->close());
}

/// A database of before this was told, with jobs under way: the place is that which has a journal of jobs.
TEST_F(PostgresStoreTest, the_first_to_say_where_jobs_are_kept_has_kept_some) {
  for (const auto* job : {"'open', 'nothing'", "'aborted', 'kill'", "'succeeded', 'release'"}) {
    world_->clear();
    const auto other = another();
    ASSERT_TRUE(wait(other->create_run(a_run())));
    world_->execute(std::string("INSERT INTO comp_task_attempts (run_id, task, attempt, changed_in, job_id, why, outcome, owed)"
                                " SELECT run_id, 0, 1, 1, 'j', 'first', ") +
                    job + " FROM comp_runs");
    const auto refused = wait(other->join_at(there(), ReplicaId("r1"), {}));
    ASSERT_FALSE(refused) << job;
    EXPECT_EQ(refused.error().code, "store.other_keeper");
    auto with_jobs = here();
    with_jobs.has_jobs = true;
    EXPECT_TRUE(wait(other->join_at(with_jobs, ReplicaId("r2"), {}))) << job;
    runtime_.run(other->close());
  }
}

TEST_F(PostgresStoreTest, the_same_directory_on_another_host_is_another_place) {
  ASSERT_TRUE(wait(store_->join_at(here(), ReplicaId("r1"), {})));
  const auto other = another();
  auto elsewhere = here();
  elsewhere.boot = "b2";
  EXPECT_FALSE(wait(other->join_at(elsewhere, ReplicaId("r2"), {})));
  runtime_.run(store_->close());
  EXPECT_TRUE(wait(other->join_at(elsewhere, ReplicaId("r3"), {}))) << "after a reboot it is the same place";
  runtime_.run(other->close());
}

TEST_F(PostgresStoreTest, who_lost_its_line_and_its_place_is_told_to_end) {
  std::optional<Error> refused;
  ASSERT_TRUE(wait(store_->join_at(here(), ReplicaId("r1"), [&](const Error& why) { refused = why; })));
  world_->execute("UPDATE local_keeper SET id = 'k2', host = 'h2', folder = '/there'; UPDATE replicas SET keeper = 'k2@b1'");
  const auto other = another();
  ASSERT_TRUE(wait(other->join_at(there(), ReplicaId("r2"), {})));
  EXPECT_FALSE(refused);

  world_->execute(
      "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN replicas p ON ((l.classid::bigint << 32) | l.objid::bigint) = "
      "p.lock_key WHERE p.id = 'r1'");

  EXPECT_TRUE(eventually([&] { return refused.has_value(); }));
  EXPECT_EQ(refused->code, "store.other_keeper");
  EXPECT_TRUE(eventually([&] { return *wait(other->is_gone(ReplicaId("r1"))); }));
  runtime_.run(other->close());
}

TEST_F(PostgresStoreTest, a_run_that_another_program_made_is_left_alone) {
  world_->execute(
      "INSERT INTO users (id, name) VALUES (7, 'seven'); INSERT INTO projects (uuid, name) VALUES ('theirs', 'theirs')");
  world_->execute(
      "INSERT INTO comp_runs (project_uuid, user_id, iteration, result, use_on_demand_clusters, dag_adjacency_list, "
      "collection_run_id)"
      " VALUES ('theirs', 7, 1, 'RUNNING', false, '{}', 'c')");
  world_->execute(
      "INSERT INTO comp_run_snapshot_tasks (run_id, project_id, node_id, state) SELECT run_id, 'theirs', 'n', 'RUNNING' FROM "
      "comp_runs");
  world_->execute("INSERT INTO comp_tasks (project_id, node_id, state) VALUES ('theirs', 'n', 'RUNNING')");
  const RunKey theirs{UserId(7), ProjectId("theirs"), Iteration(1)};

  EXPECT_TRUE(wait(store_->due({}, 10))->empty());

  const auto row = world_->execute("SELECT ctid, xmin, xmax, r FROM comp_runs r");
  const auto refused = wait(store_->begin_pass({.run = theirs, .replica = ReplicaId("r1")})).error();
  EXPECT_EQ(refused.code, "store.foreign");
  EXPECT_EQ(refused.where, "7:theirs:1");
  EXPECT_EQ(world_->execute("SELECT ctid, xmin, xmax, r FROM comp_runs r"), row) << "nobody has written it, or locked it";
  EXPECT_EQ(wait(store_->definition(theirs)).error().code, "store.foreign");
  EXPECT_EQ(wait(store_->run(theirs))->record.result, State::started);
  EXPECT_TRUE(wait(store_->tasks(theirs, Fence::none()))->empty());
  EXPECT_EQ((*wait(store_->nodes(ProjectId("theirs"))))[0].state, State::started);
  auto ours = a_run();
  ours.project = theirs.project;
  EXPECT_EQ(wait(store_->create_run(ours)).error().code, "store.run_exists");
}

// ---- retention ----------------------------------------------------------------------------------------------------------

TEST_F(PostgresStoreTest, what_ended_long_ago_is_forgotten_but_for_the_newest_run_of_each_project) {
  const auto ended = [&](const std::string& uuid, const std::string& project, const std::string& age) {
    auto run = a_run(uuid);
    run.project = ProjectId(project);
    const auto key = *wait(store_->create_run(run));
    auto ticket = *wait(store_->begin_pass({.run = key, .replica = ReplicaId("r1")}));
    core::Decision decision;
    decision.tasks = {full_record(0)};
    decision.attempts = {ended_attempt(0, "job-" + uuid, core::Owed::nothing)};
    decision.result = State::success;
    decision.ended = ticket.now;
    EXPECT_TRUE(wait(store_->commit(ticket, decision)));
    world_->execute("UPDATE comp_runs SET ended = ended - interval '" + age + "' WHERE uuid = '" + uuid + "'");
    return key;
  };
  const auto old = ended("u1", "p", "40 days");
  const auto young = ended("u2", "p", "20 days");
  const auto newest = ended("u3", "p", "10 days");
  const auto alone = ended("u4", "q", "40 days");

  EXPECT_EQ(*wait(store_->forget_ended(24h * 30, 10)), 1u);

  EXPECT_EQ(wait(store_->run(old)).error().code, "store.not_found");
  for (const auto& key : {young, newest, alone}) EXPECT_TRUE(wait(store_->run(key)));
  EXPECT_EQ(world_->execute("SELECT count(*) FROM comp_task_attempts WHERE job_id = 'job-u1'")[0], "0");
  EXPECT_NE((*wait(store_->nodes(ProjectId("q"))))[0].success, nullptr);
  EXPECT_EQ(*wait(store_->forget_ended(0s, 1)), 1u);  // no more at a time than was said
  EXPECT_TRUE(wait(store_->run(newest)));
}

// ---- migrations ---------------------------------------------------------------------------------------------------------

class PostgresMigration : public PostgresStoreTest {
 protected:
  void SetUp() override {
    PostgresStoreTest::SetUp();
    if (world_ == nullptr) return;
    world_->execute("DROP SCHEMA IF EXISTS migration_test CASCADE; CREATE SCHEMA migration_test");
    options_ = world_->options();
    options_.search_path = "migration_test,pg_catalog";
  }
  void TearDown() override {
    if (world_ != nullptr) world_->execute("DROP SCHEMA IF EXISTS migration_test CASCADE");
    PostgresStoreTest::TearDown();
  }
  Result<Migrated> migrate() { return wait(baton::migrate(runtime_.io().get_executor(), options_)); }
  Result<Migrated> check() { return wait(check_migrations(runtime_.io().get_executor(), options_)); }
  postgres::Options options_;
};

TEST_F(PostgresMigration, it_says_first_and_does_it_once) {
  const auto said = check();
  ASSERT_TRUE(said) << said.error().what;
  EXPECT_EQ(said->from, 0);
  ASSERT_FALSE(said->applied.empty());
  EXPECT_EQ(said->applied.front(), "0001_runs.sql");
  EXPECT_EQ(world_->execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'migration_test'")[0], "0");

  const auto done = migrate();

  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(done->to, said->to);
  EXPECT_EQ(done->applied, said->applied);
  EXPECT_TRUE(done->existed.empty());
  EXPECT_TRUE(migrate()->applied.empty());
  EXPECT_EQ(check()->from, said->to);
}

/// The names and types by which the reference's tools read and insert (C§5.1 to C§5.5).
TEST_F(PostgresMigration, the_tables_have_the_columns_of_the_reference) {
  ASSERT_TRUE(migrate());
  const std::string of_a_task =
      "project_id varchar, node_id varchar, node_class nodeclass, job_id varchar, internal_id int4, schema json, inputs json,"
      " outputs json, run_hash varchar, image json, state statetype!, errors jsonb, progress numeric, start timestamptz,"
      " end timestamptz, last_heartbeat timestamptz, created timestamptz!, modified timestamptz!, pricing_info jsonb,"
      " hardware_info jsonb";
  const std::map<std::string, std::string> tables{
      {"comp_pipeline", "project_id varchar!, dag_adjacency_list json, state statetype!"},
      {"comp_tasks", "task_id int4!, submit timestamptz, " + of_a_task},
      {"comp_run_snapshot_tasks", "snapshot_task_id int4!, run_id int4!, " + of_a_task},
      {"comp_runs",
       "run_id int8!, project_uuid varchar!, user_id int8!, iteration int8!, result statetype!, created timestamptz!,"
       " modified timestamptz!, started timestamptz, ended timestamptz, cancelled timestamptz, scheduled timestamptz,"
       " processed timestamptz, metadata jsonb, use_on_demand_clusters bool!, dag_adjacency_list jsonb!, collection_run_id "
       "varchar,"
       " last_result_changed timestamptz"},
      {"comp_runs_collections",
       "collection_run_id uuid!, client_or_system_generated_id varchar!, client_or_system_generated_display_name varchar!,"
       " is_generated_by_system bool!, created timestamptz!, modified timestamptz!"}};
  for (const auto& [table, columns] : tables) {
    const auto found = world_->execute(
        "SELECT column_name || ' ' || udt_name || CASE is_nullable WHEN 'NO' THEN '!' ELSE '' END FROM information_schema.columns"
        " WHERE table_schema = 'migration_test' AND table_name = '" +
        table + "'");
    std::istringstream wanted(columns);
    for (std::string column; std::getline(wanted >> std::ws, column, ',');)
      EXPECT_NE(std::ranges::find(found, column), found.end()) << table << ": " << column;
  }
  EXPECT_EQ(world_->execute(
                "SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid"
                " JOIN pg_namespace n ON n.oid = t.typnamespace WHERE typname = 'statetype' AND nspname = 'migration_test'")[0],
            "UNKNOWN NOT_STARTED PUBLISHED PENDING RUNNING SUCCESS FAILED ABORTED WAITING_FOR_RESOURCES WAITING_FOR_CLUSTER");
}

TEST_F(PostgresMigration, several_at_once_do_it_once) {
  std::vector<std::optional<Result<Migrated>>> answers(4);
  const auto gate = runtime_.gate();
  for (auto& answer : answers) gate->spawn(keep(baton::migrate(runtime_.io().get_executor(), options_), answer));

  runtime_.run(gate->empty());

  std::size_t applied = 0;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer->has_value()) << answer->error().what;
    applied += (*answer)->applied.size();
  }
  EXPECT_EQ(std::to_string(applied), world_->execute("SELECT count(*) FROM migration_test.schema_migrations")[0]);
}

TEST_F(PostgresMigration, tables_that_were_there_keep_their_rows_and_gain_columns) {
  world_->execute(
      "SET search_path = migration_test, pg_catalog;"
      "CREATE TYPE statetype AS ENUM ('UNKNOWN', 'NOT_STARTED', 'PUBLISHED', 'PENDING', 'RUNNING', 'SUCCESS', 'FAILED', "
      "'ABORTED',"
      " 'WAITING_FOR_RESOURCES', 'WAITING_FOR_CLUSTER');"
      "CREATE TABLE users (id bigserial PRIMARY KEY, name varchar NOT NULL, status varchar NOT NULL);"
      "CREATE TABLE projects (id bigserial PRIMARY KEY, uuid varchar UNIQUE, name varchar NOT NULL, prj_owner bigint, workbench "
      "json NOT NULL);"
      "CREATE TABLE comp_runs (run_id bigserial PRIMARY KEY, project_uuid varchar NOT NULL REFERENCES projects (uuid) ON DELETE "
      "CASCADE,"
      " user_id bigint NOT NULL REFERENCES users (id), iteration bigint NOT NULL, result statetype NOT NULL DEFAULT "
      "'NOT_STARTED',"
      " created timestamptz NOT NULL DEFAULT now(), modified timestamptz NOT NULL DEFAULT now(), started timestamptz, ended "
      "timestamptz,"
      " cancelled timestamptz, metadata jsonb, use_on_demand_clusters boolean NOT NULL, UNIQUE (project_uuid, user_id, "
      "iteration));"
      "INSERT INTO users VALUES (1, 'u', 'ACTIVE'); INSERT INTO projects VALUES (1, 'p', 'p', 1, '{}');"
      "INSERT INTO comp_runs (project_uuid, user_id, iteration, result, use_on_demand_clusters) VALUES ('p', 1, 1, 'SUCCESS', "
      "false)");

  const auto done = migrate();

  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(done->existed, (std::vector<std::string>{"comp_runs", "projects", "users"}));
  world_->execute("INSERT INTO comp_runs (project_uuid, user_id, iteration, use_on_demand_clusters) VALUES ('p', 1, 2, true)");
  world_->execute("DELETE FROM comp_runs WHERE iteration = 2");
  PostgresStore store(runtime_.io().get_executor(), {.connection = options_});
  const auto key = wait(store.create_run(a_run()));
  ASSERT_TRUE(key) << key.error().what;
  EXPECT_EQ(key->iteration, Iteration(2));
  EXPECT_EQ(wait(store.due({}, 10))->size(), 1u);
  runtime_.run(store.close());
  world_->execute("SET search_path = " + world_->options().search_path);
}

TEST_F(PostgresMigration, a_database_that_needs_a_newer_baton_is_refused) {
  ASSERT_TRUE(migrate());
  world_->execute("INSERT INTO migration_test.schema_migrations VALUES (90, '0090_later.sql', now(), '9.0', 1)");
  EXPECT_EQ(migrate()->to, 90);  // newer, and this version may still work on it
  world_->execute("INSERT INTO migration_test.schema_migrations VALUES (91, '0091_dropped.sql', now(), '9.1', 90)");

  EXPECT_EQ(migrate().error().code, "store.newer");
  EXPECT_EQ(check().error().code, "store.newer");
}

TEST_F(PostgresMigration, without_tables_the_store_says_what_to_do) {
  PostgresStore store(runtime_.io().get_executor(), {.connection = options_});

  const auto refused = wait(store.due({}, 10));

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "store.unavailable");
  EXPECT_NE(refused.error().way_out.find("baton migrate"), std::string::npos);
  runtime_.run(store.close());
}

}  // namespace
}  // namespace baton::test
