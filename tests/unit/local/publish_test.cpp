#include "backend/local/publish.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "backend/local/collect.hpp"

namespace baton::local {
namespace {

namespace fs = std::filesystem;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}
void write(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path) << text;
}
std::set<std::string> below(const std::string& root) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(root)) names.insert(fs::relative(entry.path(), root));
  return names;
}
std::uint64_t inode(const std::string& path) {
  struct stat seen{};
  return ::stat(path.c_str(), &seen) == 0 ? seen.st_ino : 0;
}

class Publish : public testing::Test {
 protected:
  void SetUp() override {
    root_ = folder_in("/tmp");
    work_ = root_ + "/state/step.1";
    write(work_ + "/f.txt", "new");
  }
  void TearDown() override {
    for (const auto& root : roots_) fs::remove_all(root);
  }
  std::string folder_in(const std::string& parent) {
    auto pattern = parent + "/baton-publish-XXXXXX";
    roots_.emplace_back(::mkdtemp(pattern.data()));
    return roots_.back();
  }
  Publication publication() const {
    return {.work = work_, .inode = inode(work_), .target = root_ + "/out/step", .names = {"f.txt"}};
  }
  std::string root_, work_;
  std::vector<std::string> roots_;
};

TEST_F(Publish, a_work_directory_becomes_the_folder) {
  const auto what = publication();
  EXPECT_FALSE(is_published(what));

  ASSERT_TRUE(publish(what).has_value());

  EXPECT_EQ(text_of(root_ + "/out/step/f.txt"), "new");
  EXPECT_FALSE(fs::exists(work_));
  EXPECT_TRUE(is_published(what));
}

TEST_F(Publish, what_is_not_declared_is_not_published) {
  write(work_ + "/rubbish", "x");
  write(work_ + "/sub/deep/out.txt", "x");
  write(work_ + "/sub/rubbish/more", "x");
  write(work_ + "/subway", "x");
  auto what = publication();
  what.names.push_back("sub/deep/out.txt");

  ASSERT_TRUE(publish(what).has_value());

  EXPECT_EQ(below(root_ + "/out/step"), (std::set<std::string>{"f.txt", "sub", "sub/deep", "sub/deep/out.txt"}));
}

TEST_F(Publish, what_was_there_is_replaced_whole) {
  write(root_ + "/out/step/f.txt", "old");
  write(root_ + "/out/step/former.txt", "old");

  ASSERT_TRUE(publish(publication()).has_value());

  EXPECT_EQ(below(root_ + "/out/step"), std::set<std::string>{"f.txt"});
  EXPECT_EQ(text_of(root_ + "/out/step/f.txt"), "new");
  EXPECT_FALSE(fs::exists(work_));
}

TEST_F(Publish, a_file_in_the_place_of_the_folder_is_replaced) {
  write(root_ + "/out/step", "a file");

  ASSERT_TRUE(publish(publication()).has_value());

  EXPECT_EQ(text_of(root_ + "/out/step/f.txt"), "new");
}

TEST_F(Publish, publishing_again_is_nothing) {
  const auto what = publication();
  ASSERT_TRUE(publish(what).has_value());

  ASSERT_TRUE(publish(what).has_value());

  EXPECT_EQ(text_of(root_ + "/out/step/f.txt"), "new");
}

TEST_F(Publish, killed_between_the_exchange_and_the_removal_it_keeps_the_new) {
  write(root_ + "/out/step/f.txt", "old");
  const auto what = publication();
  fs::rename(work_, root_ + "/aside");  // an exchange, by hand
  fs::rename(root_ + "/out/step", work_);
  fs::rename(root_ + "/aside", root_ + "/out/step");

  ASSERT_TRUE(publish(what).has_value());

  EXPECT_EQ(text_of(root_ + "/out/step/f.txt"), "new");
  EXPECT_FALSE(fs::exists(work_));
}

TEST_F(Publish, a_link_is_published_as_what_it_leads_to) {
  write(work_ + "/real", "content");
  fs::remove(work_ + "/f.txt");
  fs::create_symlink("real", work_ + "/f.txt");

  ASSERT_TRUE(publish(publication()).has_value());

  EXPECT_FALSE(fs::is_symlink(root_ + "/out/step/f.txt"));
  EXPECT_EQ(text_of(root_ + "/out/step/f.txt"), "content");
}

TEST_F(Publish, where_it_cannot_be_put_the_old_stays_and_the_error_says_so) {
  write(root_ + "/blocked", "a file where a folder has to be");
  auto what = publication();
  what.target = root_ + "/blocked/step";
  write(work_ + "/scratch", "all that tells of the work");

  const auto done = publish(what);

  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, "runtime.publish");
  EXPECT_NE(done.error().way_out.find("move away the file"), std::string::npos) << done.error().way_out;
  EXPECT_EQ(text_of(work_ + "/f.txt"), "new");
  EXPECT_EQ(text_of(work_ + "/scratch"), "all that tells of the work");
}

TEST_F(Publish, another_file_system_gets_a_copy_that_is_known_again) {
  struct stat here{};
  struct stat there{};
  if (::stat("/dev/shm", &there) != 0 || ::stat("/tmp", &here) != 0 || here.st_dev == there.st_dev)
    GTEST_SKIP() << "one file system only";
  auto what = publication();
  what.target = folder_in("/dev/shm") + "/out/step";
  write(what.target + "/former.txt", "old");

  ASSERT_TRUE(publish(what).has_value());

  EXPECT_EQ(below(what.target), std::set<std::string>{"f.txt"});
  EXPECT_EQ(text_of(what.target + "/f.txt"), "new");
  EXPECT_FALSE(fs::exists(work_));
  EXPECT_TRUE(is_published(what));
  ASSERT_TRUE(publish(what).has_value());
  EXPECT_EQ(text_of(what.target + "/f.txt"), "new");
}

// ---- collecting ---------------------------------------------------------------------------------------------------------------
class Collect : public Publish {
 protected:
  Ticket ticket() const {
    return {.run = {},
            .node = "step",
            .folder = root_ + "/out/step",
            .work = work_,
            .outputs = {{.port = "f", .kind = core::OutputKind::file, .name = "f.txt"},
                        {.port = "n", .kind = core::OutputKind::number}}};
  }
  Report report() const { return {.id = "id", .status = Status::ended, .started_us = 1, .ended_us = 2, .inode = inode(work_)}; }
  core::JobEnd collect_with(const std::string& values) {
    write(work_ + ".out.json", values);
    return collect(ticket(), report());
  }
  static std::string code(const core::JobEnd& end) { return end.error ? end.error->code : ""; }
};

TEST_F(Collect, products_come_in_the_order_of_the_outputs_with_their_published_place) {
  const auto end = collect_with(R"({"n": 1.5, "other": 1})");

  ASSERT_EQ(end.kind, core::EndKind::ok) << code(end);
  ASSERT_EQ(end.products.size(), 2u);
  const auto& stamp = std::get<core::Stamp>(end.products[0].content);
  EXPECT_EQ(stamp.path, root_ + "/out/step/f.txt");
  EXPECT_EQ(stamp.digest, "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437");  // sha256 of `new`
  EXPECT_EQ(std::get<core::Value>(end.products[1].content).json, "1.5");
}

TEST_F(Collect, collecting_again_gives_the_same) {
  const auto before = report();
  const auto first = collect_with(R"({"n": 1})");

  const auto again = collect(ticket(), before);

  EXPECT_EQ(again.kind, core::EndKind::ok);
  EXPECT_EQ(again.products, first.products);
}

TEST_F(Collect, values_are_canonical) {
  auto what = ticket();
  what.outputs = {{.port = "v", .kind = core::OutputKind::json}};
  write(work_ + ".out.json", "{\"v\": {\"b\": [1, 2.50], \"a\": \"\\u00e9\"}}");

  const auto end = collect(what, report());

  ASSERT_EQ(end.kind, core::EndKind::ok) << code(end);
  EXPECT_EQ(std::get<core::Value>(end.products[0].content).json, "{\"a\":\"\u00e9\",\"b\":[1,2.5]}");
}

TEST_F(Collect, what_is_missing_or_of_another_type_is_an_error_and_nothing_is_published) {
  EXPECT_EQ(code(collect_with("{}")), "runtime.output_missing");
  EXPECT_EQ(code(collect_with(R"({"n": "1"})")), "runtime.output_type");
  EXPECT_EQ(code(collect_with("no json")), "runtime.output_type");
  EXPECT_EQ(code(collect_with("[1]")), "runtime.output_type");
  EXPECT_EQ(code(collect_with("{\"n\": \"\xff\"}")), "runtime.output_type");
  EXPECT_EQ(code(collect_with("{\"n\": " + std::string(200, '[') + std::string(200, ']') + "}")), "runtime.output_type");
  EXPECT_EQ(code(collect_with("{\"n\": 1, \"x\": 1e999}")), "runtime.output_type");
  fs::remove(work_ + "/f.txt");
  EXPECT_EQ(code(collect_with(R"({"n": 1})")), "runtime.output_missing");
  fs::create_directory(work_ + "/f.txt");
  EXPECT_EQ(code(collect_with(R"({"n": 1})")), "runtime.output_type");
  EXPECT_FALSE(fs::exists(root_ + "/out"));
}

TEST_F(Collect, a_value_over_a_mebibyte_is_refused) {
  auto what = ticket();
  what.outputs = {{.port = "v", .kind = core::OutputKind::string}};
  write(work_ + ".out.json", "{\"v\": \"" + std::string(1u << 20, 'a') + "\"}");

  EXPECT_EQ(code(collect(what, report())), "runtime.output_too_big");
}

TEST_F(Collect, a_failure_keeps_its_work_directory) {
  auto failed = report();
  failed.code = 1;

  const auto end = collect(ticket(), failed);

  EXPECT_EQ(end.kind, core::EndKind::exit);
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.log, work_ + ".log");
  EXPECT_TRUE(fs::exists(work_ + "/f.txt"));
}

TEST_F(Collect, an_input_that_moved_while_it_ran_is_told) {
  auto what = ticket();
  write(root_ + "/input", "1");
  what.stamps = {{.path = root_ + "/input", .stat = "another", .digest = "d"},
                 {.path = root_ + "/gone", .stat = "s", .digest = "d"}};
  write(work_ + ".out.json", R"({"n": 1})");

  const auto end = collect(what, report());

  EXPECT_EQ(end.kind, core::EndKind::ok);
  EXPECT_EQ(end.moved, (std::vector{root_ + "/input", root_ + "/gone"}));
}

TEST_F(Collect, a_folder_output_is_published_with_all_below_it) {
  write(work_ + "/d/a", "1");
  write(work_ + "/d/sub/b", "2");
  auto what = ticket();
  what.outputs = {{.port = "d", .kind = core::OutputKind::directory, .name = "d"}};

  const auto end = collect(what, report());

  ASSERT_EQ(end.kind, core::EndKind::ok) << code(end);
  EXPECT_EQ(below(root_ + "/out/step"), (std::set<std::string>{"d", "d/a", "d/sub", "d/sub/b"}));
}

TEST_F(Collect, a_log_that_is_too_long_is_cut_in_its_middle) {
  write(root_ + "/log", "first" + std::string(1000, 'x') + "last!");

  cut_log(root_ + "/log", 100);

  const auto log = text_of(root_ + "/log");
  EXPECT_TRUE(log.starts_with("first"));
  EXPECT_TRUE(log.ends_with("last!"));
  EXPECT_NE(log.find("[baton: 910 bytes were cut out here]"), std::string::npos);
}

}  // namespace
}  // namespace baton::local
