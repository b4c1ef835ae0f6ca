// The tests, and, called as `keeper --state DIR`, the keeper that their local backends start.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "backend/local/keeper.hpp"

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "keeper") {
    const char* oom_file = std::getenv("BATON_TEST_OOM_FILE");
    return baton::local::keeper_main({.state = argv[3], .oom_file = oom_file == nullptr ? "" : oom_file});
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
