/*
 * driver.c
 *		Runs a fuzz target without libFuzzer, on a fixed stream of pseudo-random
 *		inputs; or writes some of them as a first corpus for libFuzzer.
 *
 *	driver INPUTS				tries as many inputs
 *	driver INPUTS DIRECTORY		writes them to files there instead
 *	driver 0 FILE				tries the one input of a file (what libFuzzer found)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_SIZE 400

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed = 20261121;

static unsigned
random_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned) (seed >> 24);
}

static FILE *
open_file(const char *name, const char *mode)
{
	FILE	   *file = fopen(name, mode);

	if (file == NULL)
	{
		perror(name);
		exit(2);
	}
	return file;
}

int
main(int argc, char **argv)
{
	long		inputs = argc > 1 ? atol(argv[1]) : 100000;
	uint8_t		data[1 << 16];

	if (inputs == 0 && argc > 2)
	{
		FILE	   *file = open_file(argv[2], "rb");

		LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file));
		return 0;
	}
	for (long n = 0; n < inputs; n++)
	{
		size_t		size = random_bits() % MAX_SIZE;
		uint8_t    *input = malloc(size);	/* its own, so that a read past its end is seen */

		for (size_t i = 0; i < size; i++)
			input[i] = (uint8_t) random_bits();
		if (argc > 2)
		{
			char		name[4096];
			FILE	   *file;

			snprintf(name, sizeof(name), "%s/%ld", argv[2], n);
			file = open_file(name, "wb");
			fwrite(input, 1, size, file);
			fclose(file);
		}
		else
			LLVMFuzzerTestOneInput(input, size);
		free(input);
	}
	printf("%ld inputs\n", inputs);
	return 0;
}
