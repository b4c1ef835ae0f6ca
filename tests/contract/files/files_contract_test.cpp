// What every adapter of Files promises. A new adapter adds one line at the end.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>

#include "files/memory/memory_files.hpp"
#include "files/posix/posix_files.hpp"
#include "runtime/asio/asio_runtime.hpp"

namespace baton::test {
namespace {

/// A folder of files, and the adapter that looks at them.
class FilesWorld {
 public:
  virtual ~FilesWorld() = default;
  virtual Files& files() = 0;
  virtual std::string path(const std::string& name) = 0;
  virtual void write(const std::string& name, const std::string& content) = 0;
  virtual void touch(const std::string& name) = 0;
  virtual void make_folder(const std::string& name) = 0;
  virtual void remove(const std::string& name) = 0;
  /// All that was written so far is older than any file system's times are coarse.
  virtual void grow_old() = 0;

  Result<core::Stamp> look(FileQuery query) {
    std::vector<Result<core::Stamp>> answers;
    runtime.run(ask(files(), std::move(query), answers));
    EXPECT_EQ(answers.size(), 1u);
    return answers.front();
  }
  core::Stamp stamp(FileQuery query) {
    auto answer = look(std::move(query));
    EXPECT_TRUE(answer.has_value()) << (answer ? "" : answer.error().what);
    return answer.value_or(core::Stamp{});
  }
  AsioRuntime runtime;

 private:
  static awaitable<void> ask(Files& files, FileQuery query, std::vector<Result<core::Stamp>>& answers) {
    std::vector<FileQuery> queries{std::move(query)};
    answers = co_await files.look(std::move(queries));
  }
};

class MemoryWorld final : public FilesWorld {
 public:
  Files& files() override { return files_; }
  std::string path(const std::string& name) override { return "/data/" + name; }
  void write(const std::string& name, const std::string& content) override {
    files_.advance(std::chrono::milliseconds(10));
    files_.write(path(name), content);
  }
  void touch(const std::string& name) override {
    files_.advance(std::chrono::milliseconds(10));
    files_.touch(path(name));
  }
  void make_folder(const std::string& name) override { files_.make_folder(path(name)); }
  void remove(const std::string& name) override { files_.remove(path(name)); }
  void grow_old() override { files_.advance(std::chrono::seconds(3)); }

 private:
  MemoryFiles files_;
};

class PosixWorld final : public FilesWorld {
 public:
  PosixWorld() {
    std::string pattern = "/tmp/baton-files-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~PosixWorld() override { std::filesystem::remove_all(root_); }
  Files& files() override { return files_; }
  std::string path(const std::string& name) override { return root_ / name; }
  void write(const std::string& name, const std::string& content) override {
    std::ofstream(path(name), std::ios::binary) << content;
    set_time(name, ++seconds_);
  }
  void touch(const std::string& name) override { set_time(name, ++seconds_); }
  void make_folder(const std::string& name) override { std::filesystem::create_directories(path(name)); }
  void remove(const std::string& name) override { std::filesystem::remove_all(path(name)); }
  void grow_old() override {  // ctime cannot be set: only waiting ages a file
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(2'050);
    while (std::chrono::steady_clock::now() < until) ::usleep(10'000);
  }

 private:
  void set_time(const std::string& name, std::int64_t seconds) {
    const timespec times[2] = {{.tv_sec = seconds, .tv_nsec = 0}, {.tv_sec = seconds, .tv_nsec = 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path(name).c_str(), times, 0), 0);
  }
  std::filesystem::path root_;
  PosixFiles files_{runtime};
  std::int64_t seconds_ = 1'700'000'000;
};

struct Adapter {
  std::string name;
  std::function<std::unique_ptr<FilesWorld>()> make;
};
class FilesContract : public testing::TestWithParam<Adapter> {
 protected:
  std::unique_ptr<FilesWorld> world_ = GetParam().make();
};

TEST_P(FilesContract, a_file_has_the_digest_of_its_content) {
  world_->write("a", "abc");

  const auto stamp = world_->stamp({.path = world_->path("a"), .known = {}});

  EXPECT_EQ(stamp.path, world_->path("a"));
  EXPECT_EQ(stamp.digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2, B.1
}

TEST_P(FilesContract, an_empty_file_has_the_digest_of_nothing) {
  world_->write("a", "");

  EXPECT_EQ(world_->stamp({.path = world_->path("a"), .known = {}}).digest,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_P(FilesContract, equal_contents_have_equal_digests_and_touching_changes_none) {
  world_->write("a", "abc");
  world_->write("b", "abc");
  const auto before = world_->stamp({.path = world_->path("a"), .known = {}});

  world_->touch("a");
  const auto after = world_->stamp({.path = world_->path("a"), .known = {}});

  EXPECT_NE(after.stat, before.stat);
  EXPECT_EQ(after.digest, before.digest);
  EXPECT_EQ(world_->stamp({.path = world_->path("b"), .known = {}}).digest, before.digest);
}

TEST_P(FilesContract, a_young_file_is_not_settled) {
  world_->write("a", "abc");

  EXPECT_FALSE(world_->stamp({.path = world_->path("a"), .known = {}}).settled);
}

TEST_P(FilesContract, an_old_file_is_settled_and_what_is_known_of_it_is_believed) {
  world_->write("a", "abc");
  world_->grow_old();
  auto known = world_->stamp({.path = world_->path("a"), .known = {}});
  ASSERT_TRUE(known.settled);
  known.digest = "believed";

  EXPECT_EQ(world_->stamp({.path = world_->path("a"), .known = known}).digest, "believed");
  known.settled = false;
  EXPECT_NE(world_->stamp({.path = world_->path("a"), .known = known}).digest, "believed");
}

TEST_P(FilesContract, what_is_known_of_a_touched_file_is_not_believed) {
  world_->write("a", "abc");
  world_->grow_old();
  auto known = world_->stamp({.path = world_->path("a"), .known = {}});
  known.digest = "believed";

  world_->touch("a");

  EXPECT_NE(world_->stamp({.path = world_->path("a"), .known = known}).digest, "believed");
}

TEST_P(FilesContract, by_stat_size_and_time_stand_for_the_content) {
  world_->write("a", "abc");
  const auto before = world_->stamp({.path = world_->path("a"), .by_stat = true, .known = {}});

  world_->touch("a");

  EXPECT_NE(world_->stamp({.path = world_->path("a"), .by_stat = true, .known = {}}).digest, before.digest);
}

TEST_P(FilesContract, a_folder_has_the_digest_of_all_below_it) {
  world_->make_folder("f");
  world_->make_folder("f/sub");
  world_->write("f/a", "1");
  world_->write("f/sub/b", "2");
  const FileQuery folder{.path = world_->path("f"), .directory = true, .known = {}};
  const auto before = world_->stamp(folder);

  world_->touch("f/a");
  EXPECT_EQ(world_->stamp(folder).digest, before.digest);
  EXPECT_NE(world_->stamp(folder).stat, before.stat);
  world_->write("f/sub/b", "3");
  EXPECT_NE(world_->stamp(folder).digest, before.digest);
  world_->write("f/sub/b", "2");
  EXPECT_EQ(world_->stamp(folder).digest, before.digest);
  world_->write("f/sub/c", "");
  EXPECT_NE(world_->stamp(folder).digest, before.digest);
  world_->remove("f/sub/c");
  EXPECT_EQ(world_->stamp(folder).digest, before.digest);
  world_->make_folder("f/empty");
  EXPECT_NE(world_->stamp(folder).digest, before.digest);
}

TEST_P(FilesContract, equal_folders_have_equal_digests_wherever_they_lie) {
  for (const std::string folder : {"one", "two"}) {
    world_->make_folder(folder);
    world_->write(folder + "/a", "1");
  }

  EXPECT_EQ(world_->stamp({.path = world_->path("one"), .directory = true, .known = {}}).digest,
            world_->stamp({.path = world_->path("two"), .directory = true, .known = {}}).digest);
}

TEST_P(FilesContract, what_is_not_there_or_is_something_else_says_so) {
  world_->make_folder("folder");
  world_->write("file", "1");

  EXPECT_EQ(world_->look({.path = world_->path("nothing"), .known = {}}).error().code, "input.missing");
  EXPECT_EQ(world_->look({.path = world_->path("nothing"), .directory = true, .known = {}}).error().code, "input.missing");
  EXPECT_EQ(world_->look({.path = world_->path("folder"), .known = {}}).error().code, "input.not_a_file");
  EXPECT_EQ(world_->look({.path = world_->path("file"), .directory = true, .known = {}}).error().code, "input.not_a_folder");
}

INSTANTIATE_TEST_SUITE_P(, FilesContract,
                         testing::Values(Adapter{"memory", [] { return std::make_unique<MemoryWorld>(); }},
                                         Adapter{"posix", [] { return std::make_unique<PosixWorld>(); }}),
                         [](const auto& info) { return info.param.name; });

awaitable<void> look_at_all(Files& files, std::vector<FileQuery> queries, std::vector<Result<core::Stamp>>& answers) {
  answers = co_await files.look(std::move(queries));
}

TEST(PosixFiles, many_and_big_files_are_answered_in_order) {
  PosixWorld world;
  std::vector<FileQuery> queries;
  for (int i = 0; i < 40; ++i) {
    world.write(std::to_string(i), std::string(static_cast<std::size_t>(i) * 40'000, static_cast<char>('a' + i % 26)));
    queries.push_back({.path = world.path(std::to_string(i)), .known = {}});
  }
  queries.push_back({.path = world.path("nothing"), .known = {}});
  std::vector<Result<core::Stamp>> answers;

  world.runtime.run(look_at_all(world.files(), queries, answers));

  ASSERT_EQ(answers.size(), 41u);
  for (std::size_t i = 0; i < 40; ++i) {
    ASSERT_TRUE(answers[i].has_value());
    EXPECT_EQ(answers[i]->path, queries[i].path);
    EXPECT_EQ(answers[i]->digest, world.stamp(queries[i]).digest);
  }
  EXPECT_EQ(answers[40].error().code, "input.missing");
}

TEST(PosixFiles, a_file_that_may_not_be_read_says_so) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read all";
  PosixWorld world;
  world.write("a", "abc");
  std::filesystem::permissions(world.path("a"), std::filesystem::perms::none);

  EXPECT_EQ(world.look({.path = world.path("a"), .known = {}}).error().code, "input.unreadable");
}

TEST(PosixFiles, the_mode_of_a_file_counts_in_its_folder) {
  PosixWorld world;
  world.make_folder("f");
  world.write("f/tool", "#!/bin/sh\n");
  const FileQuery folder{.path = world.path("f"), .directory = true, .known = {}};
  const auto before = world.stamp(folder);

  std::filesystem::permissions(world.path("f/tool"), std::filesystem::perms::owner_exec, std::filesystem::perm_options::add);

  EXPECT_NE(world.stamp(folder).digest, before.digest);
}

TEST(PosixFiles, a_link_in_a_folder_counts_by_its_text) {
  PosixWorld world;
  world.make_folder("f");
  std::filesystem::create_symlink("nowhere", world.path("f/link"));
  const FileQuery folder{.path = world.path("f"), .directory = true, .known = {}};
  const auto before = world.stamp(folder);

  std::filesystem::remove(world.path("f/link"));
  std::filesystem::create_symlink("elsewhere", world.path("f/link"));

  EXPECT_NE(world.stamp(folder).digest, before.digest);
}

}  // namespace
}  // namespace baton::test
