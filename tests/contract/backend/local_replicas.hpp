/// What this program does when a test starts it as a replica that is to be killed.
#pragma once

#include <string>

namespace baton::test {

/// Follows the jobs of a round to their ends.
/// @param root  the world's folder: where the outputs and the signs lie
void follow_round(const std::string& state, const std::string& root, int round);

}  // namespace baton::test
