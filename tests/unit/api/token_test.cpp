#include "api/token.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "place.hpp"

namespace baton::api::test {
namespace {

/// The environment of a user whose home is a fresh folder.
class Token : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto* name : {"BATON_TOKEN", "BATON_TOKEN_FILE", "XDG_CONFIG_HOME"}) ::unsetenv(name);
    ::setenv("HOME", home.path().c_str(), 1);
  }
  void TearDown() override { SetUp(); }
  TemporaryFolder home;
};

TEST_F(Token, it_is_made_once_for_this_user_alone) {
  const auto first = serving_token();
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_EQ(first->size(), 64U);
  EXPECT_EQ(serving_token(), first);

  struct stat status{};
  const auto path = home.path() + "/.config/baton/token";
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(home.path() + "/.config/baton"), {}), 1)
      << "nothing is left beside it";
}

TEST_F(Token, the_environment_comes_first) {
  ::setenv("XDG_CONFIG_HOME", (home.path() + "/xdg").c_str(), 1);
  EXPECT_EQ(token_file(), home.path() + "/xdg/baton/token");
  ::setenv("BATON_TOKEN_FILE", (home.path() + "/own").c_str(), 1);
  EXPECT_EQ(token_file(), home.path() + "/own");
  ::setenv("BATON_TOKEN", "given by hand", 1);
  EXPECT_EQ(serving_token(), "given by hand");
  EXPECT_FALSE(std::filesystem::exists(home.path() + "/own"));
}

TEST_F(Token, a_file_that_the_settings_name_is_used) {
  const auto token = serving_token(home.path() + "/of/settings");

  ASSERT_TRUE(token) << token.error().what;
  EXPECT_TRUE(std::filesystem::exists(home.path() + "/of/settings"));
  EXPECT_FALSE(std::filesystem::exists(home.path() + "/.config"));
  EXPECT_EQ(serving_token(home.path() + "/of/settings"), token);
}

TEST_F(Token, a_file_that_others_can_read_or_that_holds_none_is_refused) {
  const auto path = home.file("own", "0123456789abcdef0123\n");
  ::setenv("BATON_TOKEN_FILE", path.c_str(), 1);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(serving_token(), "0123456789abcdef0123");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(serving_token().error().code, "api.token_file");
  std::ignore = home.file("own", "short");
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(serving_token().error().code, "api.token_file");
  ::setenv("BATON_TOKEN_FILE", "/proc/nowhere/token", 1);
  EXPECT_EQ(serving_token().error().code, "api.token_file");
}

}  // namespace
}  // namespace baton::api::test
