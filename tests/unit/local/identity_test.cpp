#include "backend/local/identity.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace baton::local {
namespace {

namespace fs = std::filesystem;

class Identity : public testing::Test {
 protected:
  void SetUp() override {
    auto pattern = (fs::temp_directory_path() / "baton-identity-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path root_;
};

TEST_F(Identity, is_made_with_its_directory_and_stays) {
  const auto state = (root_ / "a" / "state").string();
  const auto first = identity_of(state, "first").value();
  EXPECT_TRUE(first.starts_with("first.")) << first;
  EXPECT_EQ(identity_of(state, "second").value(), first);
  EXPECT_EQ(std::distance(fs::directory_iterator(state), {}), 1) << "no draft is left";
}

TEST_F(Identity, that_is_empty_after_a_power_failure_is_made_anew) {
  const auto state = (root_ / "state").string();
  fs::create_directory(state);
  std::ofstream(state + "/identity").flush();
  const auto first = identity_of(state, "first").value();
  EXPECT_TRUE(first.starts_with("first.")) << first;
  EXPECT_EQ(identity_of(state, "second").value(), first);
  EXPECT_EQ(std::distance(fs::directory_iterator(state), {}), 1);
}

TEST_F(Identity, a_directory_keeps_jobs_once_it_has_a_journal) {
  EXPECT_FALSE(keeps_jobs(root_.string()));
  std::ofstream(root_ / "jobs.log") << "x";
  EXPECT_TRUE(keeps_jobs(root_.string()));
}

TEST_F(Identity, is_that_of_the_directory_by_whatever_path) {
  const auto first = identity_of((root_ / "state").string(), "first").value();
  fs::create_directory_symlink(root_, root_ / "link");
  EXPECT_EQ(identity_of((root_ / "link" / "state").string(), "second").value(), first);
  fs::copy(root_ / "state", root_ / "copy");
  EXPECT_NE(identity_of((root_ / "copy").string(), "second").value(), first) << "a copy is another one";
}

TEST_F(Identity, a_directory_that_cannot_be_made_is_an_error_that_names_it) {
  std::ofstream(root_ / "file") << "x";
  const auto path = (root_ / "file" / "state").string();
  const auto refused = identity_of(path, "first");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "state.unusable");
  EXPECT_EQ(refused.error().where, path);
}

}  // namespace
}  // namespace baton::local
