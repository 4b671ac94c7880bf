# Runs PROGRAM with ARGUMENTS in FOLDER, which is made anew, and checks that each of FILES is there
# and not empty, and that the output holds SAYS. Run by ctest.
include("${CMAKE_CURRENT_LIST_DIR}/../tests/written.cmake")
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
separate_arguments(ARGUMENTS)
separate_arguments(FILES)
execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS} WORKING_DIRECTORY "${FOLDER}"
                RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
if(status)
  message(FATAL_ERROR "${PROGRAM}: ${status}\n${text}")
endif()
string(FIND "${text}" "${SAYS}" found)
if(found EQUAL -1)
  message(FATAL_ERROR "${PROGRAM} does not say \"${SAYS}\" but\n${text}")
endif()
foreach(name IN LISTS FILES)
  expect_written("${FOLDER}/${name}" "${PROGRAM} should have written")
endforeach()
