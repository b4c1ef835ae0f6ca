// What only the file can show: rights, damage, versions, other processes.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "contract/store/fixture.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace baton::test {
namespace {

namespace fs = std::filesystem;

class SqliteFile : public testing::Test {
 protected:
  SqliteFile() {
    auto pattern = (fs::temp_directory_path() / "baton-sqlite-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    path_ = folder_ / "baton.db";
  }
  ~SqliteFile() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  Result<std::unique_ptr<SqliteStore>> open(bool read_only = false) {
    return SqliteStore::open(runtime_, {.path = path_.string(), .read_only = read_only});
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
  std::size_t runs(Store& store) { return wait(store.runs(ProjectId("p"), 10))->size(); }
  void execute(const char* sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(connection);
    sqlite3_close(connection);
  }

  /// The first column of the first row.
  std::string text_of(const char* sql) {
    sqlite3* connection = nullptr;
    std::string text;
    const auto keep_text = [](void* into, int, char** columns, char**) {
      *static_cast<std::string*>(into) = columns[0] == nullptr ? "" : columns[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql, keep_text, &text, nullptr), SQLITE_OK) << sqlite3_errmsg(connection);
    sqlite3_close(connection);
    return text;
  }

  AsioRuntime runtime_;
  fs::path folder_, path_;

 private:
  template <class T>
  static awaitable<void> keep(awaitable<T> call, std::optional<T>& answer) {
    answer.emplace(co_await std::move(call));
  }
};

TEST_F(SqliteFile, what_was_committed_is_there_after_a_restart) {
  {
    auto store = open();
    ASSERT_TRUE(store.has_value()) << store.error().what;
    ASSERT_TRUE(wait((*store)->create_run(a_run())).has_value());
  }
  auto again = open();
  ASSERT_TRUE(again.has_value());

  EXPECT_EQ(runs(**again), 1u);
  const auto definition = wait((*again)->definition({UserId(1), ProjectId("p"), Iteration(1)}));
  ASSERT_TRUE(definition.has_value());
  EXPECT_EQ((*definition)->tasks[0].node.step->name, "a");
  EXPECT_EQ((*again)->note(), "");
}

TEST_F(SqliteFile, another_process_reads_while_this_one_writes) {
  auto writer = open();
  auto reader = open(true);
  ASSERT_TRUE(writer.has_value() && reader.has_value());
  ASSERT_TRUE(wait((*writer)->create_run(a_run())).has_value());

  EXPECT_EQ(runs(**reader), 1u);
}

TEST_F(SqliteFile, a_reader_cannot_write) {
  ASSERT_TRUE(open().has_value());
  auto reader = open(true);
  ASSERT_TRUE(reader.has_value());

  const auto refused = wait((*reader)->create_run(a_run()));

  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "store.unavailable");
  EXPECT_EQ(refused.error().where, path_.string());
  EXPECT_FALSE(refused.error().way_out.empty());
}

TEST_F(SqliteFile, a_file_that_is_not_there_reads_as_an_empty_store_and_is_not_made) {
  auto reader = open(true);
  ASSERT_TRUE(reader.has_value()) << reader.error().what;

  EXPECT_EQ(runs(**reader), 0u);
  EXPECT_FALSE(fs::exists(path_));
}

// As root every folder can be written: the test then shows only that reading works.
TEST_F(SqliteFile, a_folder_that_cannot_be_written_can_be_read) {
  {
    auto store = open();
    ASSERT_TRUE(wait((*store)->create_run(a_run())).has_value());
  }
  fs::permissions(path_, fs::perms::owner_read);
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);

  auto reader = open(true);

  ASSERT_TRUE(reader.has_value()) << reader.error().what;
  EXPECT_EQ(runs(**reader), 1u);
}

// A process was killed: its last commits are in the log beside the file alone.
TEST_F(SqliteFile, what_a_killed_process_has_committed_is_read_too) {
  auto store = open();
  ASSERT_TRUE(wait((*store)->create_run(a_run())).has_value());
  ASSERT_GT(fs::file_size(path_.string() + "-wal"), 0u);
  const auto left = folder_ / "left";
  fs::create_directory(left);
  fs::copy_file(path_, left / "baton.db");
  fs::copy_file(path_.string() + "-wal", left / "baton.db-wal");
  fs::permissions(left, fs::perms::owner_read | fs::perms::owner_exec);

  auto reader = SqliteStore::open(runtime_, {.path = (left / "baton.db").string(), .read_only = true});

  ASSERT_TRUE(reader.has_value()) << reader.error().what;
  EXPECT_EQ(runs(**reader), 1u);
  fs::permissions(left, fs::perms::owner_all);
}

TEST_F(SqliteFile, a_file_of_a_newer_baton_is_refused_and_left_alone) {
  ASSERT_TRUE(open().has_value());
  execute("INSERT INTO schema_migrations (version, name, applied, by_version) VALUES (9999, '9999_later.sql', 0, '9.9')");

  for (const bool read_only : {false, true}) {
    const auto refused = open(read_only);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, "store.unavailable");
    EXPECT_NE(refused.error().what.find("newer Baton"), std::string::npos) << refused.error().what;
    EXPECT_NE(refused.error().what.find("9999"), std::string::npos);
    EXPECT_EQ(refused.error().where, path_.string());
    EXPECT_FALSE(refused.error().way_out.empty());
  }
}

TEST_F(SqliteFile, a_file_that_is_no_database_is_damaged) {
  std::ofstream(path_) << "This is not a database. " << std::string(5000, 'x');

  const auto refused = open();

  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "store.damaged");
  EXPECT_EQ(refused.error().where, path_.string());
  EXPECT_FALSE(refused.error().way_out.empty());
}

TEST_F(SqliteFile, a_file_with_a_page_overwritten_is_damaged_and_stops_nothing) {
  {
    ASSERT_TRUE(wait((*open())->create_run(a_run())).has_value());
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(fs::file_size(path_) - 4096, '\xA5');
  }

  auto store = open();
  const auto code = store ? wait((*store)->create_run(a_run("u2"))).error().code : store.error().code;

  EXPECT_EQ(code, "store.damaged");
}

TEST_F(SqliteFile, a_text_in_it_that_is_damaged_is_an_error_that_names_the_file) {
  {
    ASSERT_TRUE(wait((*open())->create_run(a_run())).has_value());
  }
  execute("UPDATE comp_run_task_definitions SET definition = substr(definition, 1, 20)");
  auto store = open();
  ASSERT_TRUE(store.has_value());

  const auto refused = wait((*store)->definition({UserId(1), ProjectId("p"), Iteration(1)}));

  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "store.damaged");
  EXPECT_EQ(refused.error().where, path_.string());
}

TEST_F(SqliteFile, rows_that_break_an_invariant_are_damage_and_never_reach_the_core) {
  {
    ASSERT_TRUE(wait((*open())->create_run(a_run())).has_value());
  }
  auto store = open();
  const core::RunKey key{UserId(1), ProjectId("p"), Iteration(1)};
  for (const auto* state : {"RUNNING", "SUCCESS", "HAPPY"}) {
    execute((std::string("UPDATE comp_run_snapshot_tasks SET state = '") + state + "'").c_str());
    const auto refused = wait((*store)->begin_pass({.run = key}));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, "store.damaged") << state;
  }
}

TEST_F(SqliteFile, a_failed_write_leaves_nothing_behind_and_the_store_goes_on) {
  auto store = open();
  execute("CREATE TRIGGER no_tasks BEFORE INSERT ON comp_tasks BEGIN SELECT raise(ABORT, 'no room'); END");
  const auto refused = wait((*store)->create_run(a_run()));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "store.unavailable");
  EXPECT_EQ(runs(**store), 0u);
  execute("DROP TRIGGER no_tasks");

  auto other = a_run("u2");
  other.tasks[0].node.id = NodeId("b");
  other.project_nodes = {NodeId("b")};
  const auto key = wait((*store)->create_run(other));

  ASSERT_TRUE(key.has_value()) << key.error().what;
  EXPECT_EQ((*wait((*store)->definition(*key)))->tasks[0].node.id, NodeId("b"));
}

// A limit on the size of files stands for a full disk: the write fails, the process lives.
TEST_F(SqliteFile, a_disk_without_room_is_told_with_the_way_out_and_the_store_goes_on) {
  auto store = open();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{.rlim_cur = fs::file_size(path_.string() + "-wal"), .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  auto big = a_run();
  big.request = std::string(100'000, 'x');

  const auto refused = wait((*store)->create_run(big));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);

  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "store.unavailable");
  EXPECT_EQ(refused.error().where, path_.string());
  EXPECT_FALSE(refused.error().way_out.empty());
  EXPECT_TRUE(wait((*store)->create_run(a_run())).has_value());
}

TEST_F(SqliteFile, a_folder_that_is_not_there_is_an_error_with_the_path) {
  const auto refused = SqliteStore::open(runtime_, {.path = (folder_ / "none" / "baton.db").string()});

  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "store.unavailable");
  EXPECT_EQ(refused.error().where, (folder_ / "none" / "baton.db").string());
}

TEST_F(SqliteFile, a_path_may_hold_any_character) {
  path_ = folder_ / "50% of? what#\xC3\xA4.db";
  {
    ASSERT_TRUE(open().has_value());
  }

  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(SqliteFile, replicas_of_earlier_processes_are_gone) {
  const core::RunKey key{UserId(1), ProjectId("p"), Iteration(1)};
  {
    auto store = open();
    ASSERT_TRUE(wait((*store)->join(ReplicaId("before"))).has_value());
    ASSERT_TRUE(wait((*store)->create_run(a_run())).has_value());
    const auto ticket = wait((*store)->begin_pass({.run = key, .replica = ReplicaId("before")}));
    ASSERT_TRUE(wait((*store)->commit(*ticket, {})).has_value());
    EXPECT_TRUE(wait((*store)->orphans(10))->empty());
  }
  auto store = open();
  ASSERT_TRUE(wait((*store)->join(ReplicaId("after"))).has_value());

  EXPECT_EQ(*wait((*store)->orphans(10)), std::vector{key});
}

TEST_F(SqliteFile, a_process_that_finds_nothing_to_do_writes_nothing) {
  ASSERT_TRUE(open().has_value());

  auto store = open();
  ASSERT_TRUE(wait((*store)->join(ReplicaId("r"))).has_value());
  EXPECT_TRUE(wait((*store)->orphans(10))->empty());
  EXPECT_TRUE(wait((*store)->due({}, 10))->empty());
  EXPECT_TRUE(wait((*store)->nodes(ProjectId("p")))->empty());
  EXPECT_EQ(runs(**store), 0u);

  EXPECT_EQ(fs::file_size(path_.string() + "-wal"), 0u);  // each write is there first
  ASSERT_TRUE(wait((*store)->create_run(a_run())).has_value());
  EXPECT_GT(fs::file_size(path_.string() + "-wal"), 0u);
}

TEST_F(SqliteFile, a_replica_has_its_row_with_its_first_pass) {
  const core::RunKey key{UserId(1), ProjectId("p"), Iteration(1)};
  for (const auto* replica : {"first", "second"}) {
    auto store = open();
    ASSERT_TRUE(wait((*store)->join(ReplicaId(replica))).has_value());
    if (runs(**store) == 0) ASSERT_TRUE(wait((*store)->create_run(a_run())).has_value());
    const auto ticket = wait((*store)->begin_pass({.run = key, .replica = ReplicaId(replica)}));
    ASSERT_TRUE(ticket.has_value()) << ticket.error().what;
    ASSERT_TRUE(wait((*store)->commit(*ticket, {})).has_value());
  }

  EXPECT_EQ(text_of("SELECT group_concat(id) FROM replicas"), "second");
}

}  // namespace
}  // namespace baton::test
