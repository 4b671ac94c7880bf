#pragma once
#include <descent/pictures/draw.h>
