#include "client/address.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace baton::client {
namespace {

std::string wrong_with(std::string_view text) {
  const auto addresses = addresses_from(text);
  return addresses ? "nothing" : addresses.error().code + ": " + addresses.error().what;
}

TEST(Address, a_list_of_urls_keeps_its_order) {
  const auto addresses = addresses_from("http://127.0.0.1:8080,http://localhost:81/,http://[::1]:82,http://127.1.2.3");
  ASSERT_TRUE(addresses.has_value()) << addresses.error().what;
  EXPECT_EQ(*addresses, (std::vector<Address>{{.host = "127.0.0.1", .port = 8080, .url = "http://127.0.0.1:8080"},
                                              {.host = "127.0.0.1", .port = 81, .url = "http://localhost:81"},
                                              {.host = "::1", .port = 82, .url = "http://[::1]:82"},
                                              {.host = "127.1.2.3", .port = 80, .url = "http://127.1.2.3"}}));
}

TEST(Address, what_is_no_url_of_this_host_is_bad_usage) {
  for (const auto* text : {"", ",", "127.0.0.1:80", "ftp://127.0.0.1", "http://", "http://127.0.0.1:", "http://127.0.0.1:0",
                           "http://127.0.0.1:65536", "http://127.0.0.1:8x", "http://127.0.0.1:80/v2", "http://user@127.0.0.1",
                           "http://[::1", "http://[::1]80", "http://127.0.0.1:80,", "http://example.org", "http://10.0.0.1:80",
                           "http://127.0.0.1.example.org", "http://127.0.0", "http://127.0.0.256"})
    EXPECT_EQ(wrong_with(text).substr(0, 12), "usage.server") << text;
  EXPECT_NE(wrong_with("https://127.0.0.1").find("TLS"), std::string::npos);
  EXPECT_NE(wrong_with("http://example.org").find("not on this host"), std::string::npos);
}

TEST(Address, a_name_is_escaped_for_a_path) {
  EXPECT_EQ(escaped("align[a,x/y]"), "align%5Ba%2Cx%2Fy%5D");
  EXPECT_EQ(escaped("a-b_c.d~9"), "a-b_c.d~9");
  EXPECT_EQ(escaped("\xC3\xA9"), "%C3%A9");
}

/// Variables of this process while a test runs.
class Environment {
 public:
  ~Environment() {
    for (const auto* name : {"BATON_TOKEN", "BATON_TOKEN_FILE", "XDG_CONFIG_HOME"}) ::unsetenv(name);
    std::filesystem::remove_all(folder);
  }
  void file(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << text;
  }
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("baton-address-" + std::to_string(::getpid()));
};

TEST(Address, the_token_is_the_variable_or_else_the_nearest_file) {
  const Environment here;
  for (const auto* name : {"BATON_TOKEN", "BATON_TOKEN_FILE"}) ::unsetenv(name);
  ::setenv("XDG_CONFIG_HOME", here.folder.c_str(), 1);
  EXPECT_EQ(find_token(), "");
  here.file("baton/token", "of-the-user\n");
  EXPECT_EQ(find_token(), "of-the-user");
  here.file("other", "of-the-file \n second line");
  ::setenv("BATON_TOKEN_FILE", (here.folder / "other").c_str(), 1);
  EXPECT_EQ(find_token(), "of-the-file");
  ::setenv("BATON_TOKEN", "of-the-variable", 1);
  EXPECT_EQ(find_token(), "of-the-variable");
}

}  // namespace
}  // namespace baton::client
